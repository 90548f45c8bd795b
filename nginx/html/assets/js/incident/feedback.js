/*
 * What came of a resolved incident.  The form is filled as far as can be known, so that an answer
 * takes one click and a second.
 */
import { h } from '../dom.js';
import { duration, timeElement } from '../format.js';
import { t, addStrings } from '../i18n.js';
import { ACTIONS_TAKEN, actionTakenFor, stranger, takenWord } from '../terms.js';
import { button, facts } from '../ui.js';
import { counted } from '../counted.js';

const MAX_ROOT_CAUSE = 200;

addStrings({
  en: {
    'feedback.title': 'Feedback',
    'feedback.intro': 'A few seconds: this is how the hints get better.',
    'feedback.hint': 'Was the hint right?', 'feedback.flag': 'Was there really a problem?',
    'feedback.hintWas': 'The hint was: {hint}.', 'feedback.yes': 'Yes', 'feedback.no': 'No',
    'feedback.action': 'What was done', 'feedback.cause': 'Actual cause (optional)',
    'feedback.time': 'Time it took', 'feedback.minutes': 'min', 'feedback.seconds': 's',
    'feedback.timeNote': 'Measured from when you first opened or acknowledged it; correct it if need be.',
    'feedback.save': 'Save feedback', 'feedback.later': 'Not now', 'feedback.change': 'Change feedback',
    'feedback.give': 'Give feedback', 'feedback.by': 'By', 'feedback.causeGiven': 'Actual cause',
    'feedback.missing': 'There is no feedback yet.',
  },
  tr: {
    'feedback.title': 'Geri bildirim',
    'feedback.intro': 'Birkaç saniye sürer; ipuçları bununla iyileşir.',
    'feedback.hint': 'İpucu doğru muydu?', 'feedback.flag': 'Gerçekten bir sorun var mıydı?',
    'feedback.hintWas': 'İpucu: {hint}.', 'feedback.yes': 'Evet', 'feedback.no': 'Hayır',
    'feedback.action': 'Yapılan işlem', 'feedback.cause': 'Gerçek neden (isteğe bağlı)',
    'feedback.time': 'Çözüm süresi', 'feedback.minutes': 'dk', 'feedback.seconds': 'sn',
    'feedback.timeNote': 'Olayı ilk açtığınız veya üstlendiğiniz andan itibaren ölçüldü; gerekirse düzeltin.',
    'feedback.save': 'Geri bildirimi kaydet', 'feedback.later': 'Şimdi değil', 'feedback.change': 'Geri bildirimi değiştir',
    'feedback.give': 'Geri bildirim ver', 'feedback.by': 'Bildiren', 'feedback.causeGiven': 'Gerçek neden',
    'feedback.missing': 'Henüz geri bildirim yok.',
  },
});

/* What the form holds at first: the feedback that is there, else the likeliest. */
export function feedbackDraft(incident, openedAt) {
  const given = incident.feedback;
  if (given) return { ...given, actual_root_cause: given.actual_root_cause ?? '' };
  return {
    action_taken: actionTakenFor[incident.action_class] ?? 'NO_ACTION_REQUIRED',
    was_hint_correct: null,
    actual_root_cause: '',
    resolution_time_seconds: secondsTaken(incident, openedAt),
  };
}

/* From its acknowledgement, else from when it was first opened here; null where neither is known. */
function secondsTaken(incident, openedAt) {
  const before = incident.history.findLast((entry) => ['ACK', 'OPEN'].includes(entry.detail?.status));
  const from = before?.detail.status === 'ACK' ? Date.parse(before.at) : openedAt;
  const seconds = Math.round((Date.parse(incident.resolved_at) - from) / 1000);
  return seconds >= 0 ? seconds : null;
}

function choice(name, value, label, symbol, checked, onChange) {
  const id = `${name}-${value}`;
  return [
    h('input', { type: 'radio', class: 'btn-check', name, id, value, checked, required: true, autocomplete: 'off',
      on: { change: onChange } }),
    h('label', { class: 'btn btn-lg btn-outline-primary', for: id }, h('span', { 'aria-hidden': 'true' }, `${symbol} `), label),
  ];
}

function timeFields(draft) {
  const total = draft.resolution_time_seconds;
  const field = (id, value, max, unit) => [
    h('input', { id, type: 'number', class: 'form-control', min: 0, max, step: 1, value, 'aria-label': `${t('feedback.time')}, ${t(`feedback.${unit}`)}`,
      required: unit === 'minutes', on: { input: read } }),
    h('span', { class: 'input-group-text', 'aria-hidden': 'true' }, t(`feedback.${unit}`))];
  const group = h('div', { class: 'input-group mz-time-taken' },
    field('feedback-minutes', total === null ? '' : Math.floor(total / 60), 9_999_999, 'minutes'),
    field('feedback-seconds', total === null ? '' : total % 60, 59, 'seconds'));
  function read() {
    const [minutes, seconds] = [...group.querySelectorAll('input')].map((input) => input.valueAsNumber || 0);
    draft.resolution_time_seconds = minutes * 60 + seconds;
  }
  return group;
}

/* draft is kept up to date with what is typed; onSave() sends it, onLater() puts the form away. */
export function feedbackForm({ incident, hint, draft, onSave, onLater }) {
  const answer = (value) => () => { draft.was_hint_correct = value; };
  const form = h('form', { class: 'mz-feedback', on: { submit: (event) => {
    event.preventDefault();
    onSave();
  } } },
  h('p', { class: 'mz-note' }, t('feedback.intro')),
  h('fieldset', null,
    h('legend', { class: 'form-label' }, t(incident.action_class === null ? 'feedback.flag' : 'feedback.hint')),
    hint && h('p', { class: 'mz-note' }, t('feedback.hintWas', { hint })),
    h('div', { class: 'mz-big-choice' },
      choice('was_hint_correct', 'yes', t('feedback.yes'), '✓', draft.was_hint_correct === true, answer(true)),
      choice('was_hint_correct', 'no', t('feedback.no'), '✗', draft.was_hint_correct === false, answer(false)))),
  h('div', null,
    h('label', { class: 'form-label', for: 'feedback-action' }, t('feedback.action')),
    h('select', { id: 'feedback-action', class: 'form-select', on: { change: (event) => { draft.action_taken = event.target.value; } } },
      ACTIONS_TAKEN.map((code) => h('option', { value: code, selected: code === draft.action_taken }, takenWord(code))))),
  counted({ id: 'feedback-cause', label: t('feedback.cause'), max: MAX_ROOT_CAUSE, rows: 2, value: draft.actual_root_cause,
    onInput: (text) => { draft.actual_root_cause = text; } }),
  h('fieldset', null, h('legend', { class: 'form-label' }, t('feedback.time')), timeFields(draft),
    h('p', { class: 'mz-note' }, t('feedback.timeNote'))),
  h('div', { class: 'mz-buttons' },
    h('button', { type: 'submit', class: 'btn btn-primary' }, t('feedback.save')),
    button(t('feedback.later'), onLater)));
  return form;
}

/* The body of PATCH …/feedback. */
export function feedbackBody(draft) {
  return {
    action_taken: draft.action_taken,
    was_hint_correct: draft.was_hint_correct,
    actual_root_cause: draft.actual_root_cause.trim() || null,
    resolution_time_seconds: draft.resolution_time_seconds,
  };
}

export function feedbackFacts(feedback, hasHint) {
  return facts([
    [t(hasHint ? 'feedback.hint' : 'feedback.flag'), feedback.was_hint_correct ? `✓ ${t('feedback.yes')}` : `✗ ${t('feedback.no')}`],
    [t('feedback.action'), takenWord(feedback.action_taken)],
    feedback.actual_root_cause && [t('feedback.causeGiven'), stranger(feedback.actual_root_cause)],
    [t('feedback.time'), duration(feedback.resolution_time_seconds * 1000)],
    [t('feedback.by'), [stranger(feedback.operator), ' · ', timeElement(feedback.changed_at)]],
  ]);
}
