/* One incident: the document beside what was read from it, what is wrong with it, and what to do. */
import { get, send } from '../api.js';
import { h, replace } from '../dom.js';
import { timeElement } from '../format.js';
import { t } from '../i18n.js';
import { decisionCard, newDraft } from '../incident/decision.js';
import { historyView, occurrencesView } from '../incident/trail.js';
import { auditView } from '../invoice/audit.js';
import { documentView } from '../invoice/document.js';
import { fieldsTable, partsTables } from '../invoice/extraction.js';
import { hintView, qualityView } from '../invoice/quality.js';
import { categoryWord, flagWord, severityBadge, statusBadge, stranger } from '../terms.js';
import { card, facts, link, pageHeader, toast } from '../ui.js';

const strings = {
  en: {
    'incident.heading': 'Incident', 'incident.seller': 'Seller', 'incident.number': 'Invoice number',
    'incident.category': 'Category', 'incident.flags': 'Flags', 'incident.opened': 'Opened', 'incident.tenant': 'Tenant',
    'incident.lastSeen': 'Last seen', 'incident.job': 'Job', 'incident.back': 'All incidents',
    'incident.notRead': 'Nothing could be read from the document.',
  },
  tr: {
    'incident.heading': 'Olay', 'incident.seller': 'Satıcı', 'incident.number': 'Fatura numarası',
    'incident.category': 'Kategori', 'incident.flags': 'İşaretler', 'incident.opened': 'Açılış', 'incident.tenant': 'Tenant',
    'incident.lastSeen': 'Son görülme', 'incident.job': 'İş', 'incident.back': 'Tüm olaylar',
    'incident.notRead': 'Belgeden hiçbir şey okunamadı.',
  },
};

/* What was begun outlives a change of language and a session that ends. */
const drafts = new Map();

function draftOf(id) {
  if (!drafts.has(id)) drafts.set(id, newDraft());
  return drafts.get(id);
}

function summary(incident) {
  const flags = [incident.primary_flag, ...incident.secondary_flags].map(flagWord).join(', ');
  return facts([
    [t('incident.seller'), stranger(incident.seller_name, { fold: 100 })],
    [t('incident.number'), stranger(incident.invoice_number, { fold: 60 })],
    [t('incident.category'), categoryWord(incident.category)],
    [t('incident.flags'), flags],
    [t('incident.tenant'), incident.tenant_id],
    [t('incident.opened'), timeElement(incident.created_at)],
    incident.occurrence_count > 1 && [t('incident.lastSeen'), timeElement(incident.last_seen_at)],
    [t('incident.job'), link(`/admin/jobs/${incident.job_id}`, incident.job_id.slice(0, 8))],
  ]);
}

function readingCards({ extraction }, thresholds) {
  if (extraction === null) return card(t('extraction.fields'), h('p', null, t('incident.notRead')));
  return [card(t('extraction.fields'), fieldsTable(extraction, thresholds)), card(t('extraction.parts'), partsTables(extraction, thresholds))];
}

/* The thresholds explain the severity; the page is of use without them. */
async function thresholdsOrNull(signal) {
  try {
    return await get('/admin/config', {}, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

async function render(root, { id, session, signal }) {
  const path = `/admin/incidents/${encodeURIComponent(id)}`;
  let [incident, thresholds] = await Promise.all([get(path, {}, { signal }), thresholdsOrNull(signal)]);
  const draft = draftOf(id);
  const mayChange = session.role !== 'viewer';
  const places = { head: h('div', null), decision: h('div', { class: 'mz-first' }), trail: h('div', null) };

  function draw() {
    const name = incident.invoice_number ?? incident.filename;
    replace(places.head,
      pageHeader([t('incident.heading'), ' ', name && stranger(name, { fold: 40, plain: true })]),
      h('p', { class: 'mz-badges' }, severityBadge(incident.severity), statusBadge(incident.status)),
      h('div', { class: 'mz-compact' }, card(null, summary(incident))));
    replace(places.decision, decisionCard({ incident, draft, mayChange, actions: { setStatus, saveFeedback, redraw } }));
    replace(places.trail, card(t('trail.history'), historyView(incident.history)),
      card(t('trail.occurrences'), occurrencesView(incident)));
  }

  /* What was begun or done moves the focus to what comes next. */
  function redraw(changes) {
    Object.assign(draft, { problem: null, conflict: false }, changes);
    draw();
    places.decision.querySelector('textarea, input, select, button')?.focus();
  }

  /* 412: somebody else was faster; 409: what they did leaves no room for this. */
  async function change(address, body, done) {
    for (const control of places.decision.querySelectorAll('button')) control.disabled = true;
    try {
      incident = await send('PATCH', address, body, { ifMatch: incident.revision });
      if (!signal.aborted) done();
    } catch (error) {
      const conflict = error.status === 412 || error.status === 409;
      if (conflict) incident = await get(path).catch(() => incident);
      if (!signal.aborted) redraw({ problem: error, conflict, mode: modeAfter(conflict) });
    }
  }

  /* A form stays as long as it fits the incident. */
  function modeAfter(conflict) {
    if (!conflict) return draft.mode;
    const fits = (draft.mode === 'feedback') === (incident.status === 'RESOLVED');
    return fits ? draft.mode : null;
  }

  function setStatus(status, more = {}) {
    return change(path, { status, ...more }, () => {
      if (status !== 'RESOLVED') toast(t(status === 'ACK' ? 'decision.acknowledged' : 'decision.reopened')); // else the form opens
      redraw({ mode: status === 'RESOLVED' ? 'feedback' : null, note: '', feedback: null });
    });
  }

  function saveFeedback(body) {
    return change(`${path}/feedback`, body, () => {
      toast(t('decision.thanks'));
      redraw({ mode: null, feedback: null });
    });
  }

  draw();
  document.title = t('app.title', { page: places.head.querySelector('h1').textContent.trim() });
  const hint = incident.audit?.action_hint ?? null;
  replace(root,
    h('p', { class: 'mz-note' }, link('/admin/incidents', `← ${t('incident.back')}`)),
    places.head,
    h('div', { class: 'mz-beside' },
      h('div', { class: 'mz-beside-document' }, card(t('document.title'), documentView(path, incident.document))),
      h('div', { class: 'mz-beside-reading' },
        places.decision,
        hint && h('div', { class: 'mz-first' }, card(t('hint.title'), hintView(hint, draft.ticked))),
        card(t('audit.title'), auditView(incident.audit, incident.extraction, thresholds)),
        card(t('quality.title'), qualityView(incident.quality)),
        readingCards(incident, thresholds),
        places.trail)));
}

export default { title: 'page.incident', strings, render };
