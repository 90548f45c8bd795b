/* One job: where it is, what came of it, live until it ends. */
import { get } from '../api.js';
import { h, replace } from '../dom.js';
import { keepFocus } from '../focus.js';
import { duration, number, timeElement } from '../format.js';
import { t } from '../i18n.js';
import { auditView } from '../invoice/audit.js';
import { documentView } from '../invoice/document.js';
import { fieldsTable, partsTables } from '../invoice/extraction.js';
import { qualityView } from '../invoice/quality.js';
import { changeOne, resultNotice, sure, verbFor } from '../jobs/change.js';
import { jobError } from '../jobs/errors.js';
import { repeat } from '../live.js';
import { serverText } from '../server_texts.js';
import { flagWord, jobBadge, severityBadge, skippedSentence, statusBadge, stranger } from '../terms.js';
import { button, card, errorBox, facts, link, pageHeader } from '../ui.js';

const strings = {
  en: {
    'job.heading': 'Job', 'job.back': 'All jobs', 'job.tenant': 'Tenant', 'job.accepted': 'Accepted',
    'job.started': 'Started', 'job.ended': 'Ended', 'job.nextTry': 'Next try', 'job.attempts': 'Tries used', 'job.retries': 'Put back',
    'job.lostLeases': 'Workers lost', 'job.worker': 'Worker', 'job.model': 'Model', 'job.trace': 'Trace id',
    'job.queueTime': 'Waited', 'job.readTime': 'Reading', 'job.totalTime': 'In all', 'job.error': 'Error', 'job.result': 'Result',
    'job.waiting': 'Waiting in the queue; this page follows it.', 'job.reading': 'Being read; this page follows it.',
    'job.incident': 'Incident', 'job.noIncident': 'No incident was needed.', 'job.openIncident': 'Open the incident',
    'job.viewer': 'Your role may look but not cancel or retry.',
  },
  tr: {
    'job.heading': 'İş', 'job.back': 'Tüm işler', 'job.tenant': 'Tenant', 'job.accepted': 'Kabul',
    'job.started': 'Başlangıç', 'job.ended': 'Bitiş', 'job.nextTry': 'Sonraki deneme', 'job.attempts': 'Kullanılan deneme', 'job.retries': 'Geri konma',
    'job.lostLeases': 'Kaybedilen worker', 'job.worker': 'Worker', 'job.model': 'Model', 'job.trace': 'Trace kimliği',
    'job.queueTime': 'Bekleme', 'job.readTime': 'Okuma', 'job.totalTime': 'Toplam', 'job.error': 'Hata', 'job.result': 'Sonuç',
    'job.waiting': 'Kuyrukta bekliyor; bu sayfa onu izliyor.', 'job.reading': 'Okunuyor; bu sayfa onu izliyor.',
    'job.incident': 'Olay', 'job.noIncident': 'Olay açmaya gerek olmadı.', 'job.openIncident': 'Olayı aç',
    'job.viewer': 'Rolünüz görüntülemeye izin verir; iptal etmeye ve yeniden denemeye değil.',
  },
};

const LIVE_MS = 1000;
const isLive = (job) => ['QUEUED', 'RUNNING'].includes(job.status);

function stateFacts(job) {
  const { timings } = job;
  return facts([
    [t('job.tenant'), job.tenant_id],
    [t('job.accepted'), timeElement(job.created_at, { seconds: true })],
    job.started_at && [t('job.started'), timeElement(job.started_at, { seconds: true })],
    job.finished_at && [t('job.ended'), timeElement(job.finished_at, { seconds: true })],
    job.status === 'QUEUED' && Date.parse(job.run_at) > Date.now() && [t('job.nextTry'), timeElement(job.run_at, { seconds: true })],
    timings.queue_ms !== null && [t('job.queueTime'), duration(timings.queue_ms)],
    timings.extraction_ms !== null && [t('job.readTime'), duration(timings.extraction_ms)],
    timings.pipeline_total_ms !== null && [t('job.totalTime'), duration(timings.pipeline_total_ms)],
    [t('job.attempts'), number(job.attempts)],
    job.retries > 0 && [t('job.retries'), number(job.retries)],
    job.lost_leases > 0 && [t('job.lostLeases'), number(job.lost_leases)],
    job.worker_id && [t('job.worker'), stranger(job.worker_id)],
    job.model && [t('job.model'), stranger(job.model)],
    [t('job.trace'), h('code', null, job.trace_id)],
  ]);
}

function incidentPart(job) {
  const { incident } = job;
  if (job.incident_skipped) return h('p', null, `⚠ ${skippedSentence(job.incident_skipped)}`);
  if (incident === null) return h('p', { class: 'mz-soft' }, t('job.noIncident'));
  return h('p', null, h('strong', null, `${t('job.incident')}: `), flagWord(incident.primary_flag), ' ',
    severityBadge(incident.severity), ' ', statusBadge(incident.status), ' ',
    link(`/admin/incidents/${incident.id}`, `→ ${t('job.openIncident')}`));
}

function resultCard(job) {
  if (isLive(job)) return card(t('job.result'), h('p', { class: 'mz-soft' }, t(job.status === 'QUEUED' ? 'job.waiting' : 'job.reading')));
  return card(t('job.result'),
    job.error && h('p', null, h('strong', null, `${t('job.error')}: `), jobError(job.error.code), ' ',
      h('span', { class: 'mz-note d-block' }, stranger(job.error.code), job.error.detail ? [' · ', serverText(job.error.detail)] : null)),
    (job.audit || job.incident || job.incident_skipped) && incidentPart(job));
}

async function render(root, { id, session, signal }) {
  const path = `/admin/jobs/${encodeURIComponent(id)}`;
  let job = await get(path, {}, { signal });
  let thresholds = null;
  const places = { head: h('div', null), notice: h('div', null), result: h('div', { class: 'mz-first' }), reading: h('div', null) };

  function actions() {
    const verb = verbFor(job.status);
    return session.role !== 'viewer' && verb
      && button(t(`change.${verb}`), () => change(verb), verb === 'cancel' ? 'outline-secondary' : 'primary', { id: 'change-job' });
  }

  function draw() {
    keepFocus(() => replace(places.head, pageHeader([t('job.heading'), ' ', h('code', null, job.id.slice(0, 8))], actions()),
      h('p', { class: 'mz-badges' }, jobBadge(job)), h('div', { class: 'mz-compact' }, card(null, stateFacts(job))),
      session.role === 'viewer' && h('p', { class: 'mz-note' }, t('job.viewer'))));
    replace(places.result, resultCard(job));
    replace(places.reading, job.extraction && [
      card(t('audit.title'), auditView(job.audit, job.extraction, thresholds)),
      card(t('quality.title'), qualityView(job.quality)),
      card(t('extraction.fields'), fieldsTable(job.extraction, thresholds)),
      card(t('extraction.parts'), partsTables(job.extraction, thresholds))]);
  }

  async function change(verb) {
    if (verb === 'cancel' && !await sure(verb, 1, { signal })) return;
    try {
      replace(places.notice, resultNotice(verb, await changeOne(verb, id)));
    } catch (error) {
      replace(places.notice, errorBox(error));
    }
    if (!signal.aborted) await follow();
  }

  /* Asks until the job has ended; an answer that fails to come is asked for again. */
  let following = new AbortController();
  async function follow() {
    following.abort();
    following = new AbortController();
    const stop = AbortSignal.any([signal, following.signal]);
    const look = async () => {
      try {
        job = await get(path, {}, { signal: stop });
      } catch {
        return;
      }
      draw();
      if (!isLive(job)) following.abort();
    };
    await look();
    if (isLive(job)) repeat(look, { everyMs: LIVE_MS, signal: stop });
  }

  thresholds = await get('/admin/config', {}, { signal }).catch(() => null);
  draw();
  document.title = t('app.title', { page: places.head.querySelector('h1').textContent });
  replace(root, h('p', { class: 'mz-note' }, link('/admin/jobs', `← ${t('job.back')}`)), places.head, places.notice,
    h('div', { class: 'mz-beside' },
      h('div', { class: 'mz-beside-document' }, card(t('document.title'), documentView(path, job.document))),
      h('div', { class: 'mz-beside-reading' }, places.result, places.reading)));
  if (isLive(job)) await follow();
}

export default { title: 'page.job', strings, render };
