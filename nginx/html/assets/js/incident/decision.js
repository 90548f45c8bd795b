/*
 * What an operator does about an incident: acknowledge, resolve with a note, reopen, give feedback.
 * The card is drawn from the incident and a draft, which holds what was begun and not yet sent.
 */
import { h } from '../dom.js';
import { timeElement } from '../format.js';
import { t, addStrings } from '../i18n.js';
import { actionWord, stranger } from '../terms.js';
import { button, card, errorBox, facts } from '../ui.js';
import { counted } from '../counted.js';
import { feedbackBody, feedbackDraft, feedbackFacts, feedbackForm } from './feedback.js';

const MAX_NOTE = 2000;

addStrings({
  en: {
    'decision.title': 'Your decision', 'decision.acknowledge': 'Acknowledge', 'decision.resolve': 'Resolve…',
    'decision.reopen': 'Reopen', 'decision.release': 'Back to open',
    'decision.acknowledged': 'Acknowledged: the others see that you are looking at it.',
    'decision.reopened': 'Open again.', 'decision.thanks': 'Feedback saved. Thank you.',
    'decision.note': 'What was found and done (optional)', 'decision.resolveNow': 'Resolve', 'decision.cancel': 'Cancel',
    'decision.resolvedBy': 'Resolved by', 'decision.resolvedAt': 'When', 'decision.resolutionNote': 'Note',
    'decision.viewer': 'Your role may look but not decide: acknowledging, resolving and feedback take an operator’s key.',
    'decision.conflict': 'Nothing was changed: {who} changed this incident in the meantime. You see it as it is now; what you typed is still here.',
    'decision.conflictUnknown': 'Nothing was changed: this incident was changed in the meantime. You see it as it is now; what you typed is still here.',
    'decision.unsentNote': 'Your note, which was not saved',
    'decision.next': 'Start with what to check, compare with the document, then resolve.',
    'decision.nextWithoutHint': 'Look at the document and at what was flagged, then resolve.',
  },
  tr: {
    'decision.title': 'Kararınız', 'decision.acknowledge': 'Üstlen', 'decision.resolve': 'Çöz…',
    'decision.reopen': 'Yeniden aç', 'decision.release': 'Açığa geri al',
    'decision.acknowledged': 'Üstlendiniz: diğerleri sizin baktığınızı görür.',
    'decision.reopened': 'Yeniden açıldı.', 'decision.thanks': 'Geri bildirim kaydedildi. Teşekkürler.',
    'decision.note': 'Ne bulundu, ne yapıldı (isteğe bağlı)', 'decision.resolveNow': 'Çözüldü olarak işaretle', 'decision.cancel': 'Vazgeç',
    'decision.resolvedBy': 'Çözen', 'decision.resolvedAt': 'Zaman', 'decision.resolutionNote': 'Not',
    'decision.viewer': 'Rolünüz görüntülemeye izin verir, karar vermeye değil: üstlenmek, çözmek ve geri bildirim için operatör anahtarı gerekir.',
    'decision.conflict': 'Hiçbir şey değiştirilmedi: bu arada {who} bu olayı değiştirdi. Olayın şimdiki hâlini görüyorsunuz; yazdıklarınız duruyor.',
    'decision.conflictUnknown': 'Hiçbir şey değiştirilmedi: bu arada olay değişti. Olayın şimdiki hâlini görüyorsunuz; yazdıklarınız duruyor.',
    'decision.unsentNote': 'Kaydedilmeyen notunuz',
    'decision.next': 'Önce kontrol listesine bakın, belgeyle karşılaştırın, sonra çözün.',
    'decision.nextWithoutHint': 'Belgeye ve işaretlenen sorunlara bakın, sonra çözün.',
  },
});

/* mode: null, 'resolve' or 'feedback'; problem: the error of the last try; conflict: whether that was one. */
export const newDraft = () => ({ mode: null, note: '', feedback: null, ticked: new Set(), openedAt: Date.now(),
  problem: null, conflict: false });

function notices(incident, draft) {
  if (draft.conflict) {
    return h('div', { class: 'mz-notice mz-warn', role: 'alert' }, incident.changed_by === null
      ? t('decision.conflictUnknown')
      : [t('decision.conflict', { who: incident.changed_by }), ' (', timeElement(incident.changed_at, { seconds: true }), ')']);
  }
  return draft.problem && errorBox(draft.problem);
}

function resolveForm(draft, { setStatus, redraw }) {
  return h('form', { class: 'mz-form', on: { submit: (event) => {
    event.preventDefault();
    setStatus('RESOLVED', { resolution_note: draft.note.trim() || null });
  } } },
  counted({ id: 'resolution-note', label: t('decision.note'), max: MAX_NOTE, rows: 3, value: draft.note,
    onInput: (text) => { draft.note = text; } }),
  h('div', { class: 'mz-buttons' },
    h('button', { type: 'submit', class: 'btn btn-primary' }, t('decision.resolveNow')),
    button(t('decision.cancel'), () => redraw({ mode: null }))));
}

function resolution(incident, draft) {
  const unsent = draft.note.trim() !== '' && draft.note.trim() !== incident.resolution_note;
  return [
    facts([
      [t('decision.resolvedBy'), stranger(incident.resolved_by)],
      [t('decision.resolvedAt'), timeElement(incident.resolved_at)],
      incident.resolution_note && [t('decision.resolutionNote'), stranger(incident.resolution_note)],
    ]),
    unsent ? h('div', { class: 'mz-notice mz-warn' }, h('strong', null, t('decision.unsentNote')), h('div', null, stranger(draft.note))) : null,
  ];
}

function feedbackPart(incident, draft, mayChange, { saveFeedback, redraw }) {
  if (mayChange && draft.mode === 'feedback') {
    draft.feedback ??= feedbackDraft(incident, draft.openedAt);
    return feedbackForm({
      incident, draft: draft.feedback,
      hint: incident.action_class === null ? null : actionWord(incident.action_class),
      onSave: () => saveFeedback(feedbackBody(draft.feedback)),
      onLater: () => redraw({ mode: null, feedback: null }),
    });
  }
  return [
    incident.feedback ? feedbackFacts(incident.feedback, incident.action_class !== null) : h('p', null, t('feedback.missing')),
    mayChange && h('div', { class: 'mz-buttons' },
      button(t(incident.feedback ? 'feedback.change' : 'feedback.give'), () => redraw({ mode: 'feedback' }),
        incident.feedback ? 'outline-secondary' : 'primary')),
  ];
}

function resolvedBody(incident, draft, mayChange, actions) {
  return [
    resolution(incident, draft),
    h('h3', null, t('feedback.title')),
    feedbackPart(incident, draft, mayChange, actions),
    mayChange && draft.mode === null
      && h('div', { class: 'mz-buttons' }, button(t('decision.reopen'), () => actions.setStatus('OPEN'))),
  ];
}

function openBody(incident, draft, actions) {
  if (draft.mode === 'resolve') return resolveForm(draft, actions);
  const resolve = button(t('decision.resolve'), () => actions.redraw({ mode: 'resolve' }), 'primary');
  return [
    h('p', null, t(incident.action_class === null ? 'decision.nextWithoutHint' : 'decision.next')),
    h('div', { class: 'mz-buttons' }, incident.status === 'OPEN'
      ? [button(t('decision.acknowledge'), () => actions.setStatus('ACK')), resolve]
      : [resolve, button(t('decision.release'), () => actions.setStatus('OPEN'))]),
  ];
}

/*
 * actions: setStatus(status, more members), saveFeedback(body), redraw(changes of the draft).
 */
export function decisionCard({ incident, draft, mayChange, actions }) {
  const body = () => {
    if (incident.status === 'RESOLVED') return resolvedBody(incident, draft, mayChange, actions);
    return mayChange ? openBody(incident, draft, actions) : null;
  };
  return card(t('decision.title'), notices(incident, draft), body(),
    mayChange ? null : h('p', { class: 'mz-note' }, t('decision.viewer')));
}
