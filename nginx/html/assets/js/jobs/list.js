/* The table of jobs, in which some can be chosen. */
import { h } from '../dom.js';
import { listed } from '../fold.js';
import { duration, timeElement } from '../format.js';
import { t, addStrings } from '../i18n.js';
import { jobBadge, outcomeBadge, severityBadge, stranger } from '../terms.js';
import { button, table } from '../ui.js';
import { verbFor } from './change.js';
import { jobError } from './errors.js';

addStrings({
  en: {
    'jobs.caption': 'Jobs, newest first', 'jobs.select': 'Select', 'jobs.selectOne': 'Select job {id}',
    'jobs.job': 'Job', 'jobs.state': 'State', 'jobs.outcome': 'Outcome', 'jobs.created': 'Accepted',
    'jobs.actions': 'Actions', 'jobs.attempts': '{n} tries used', 'jobs.again': 'next try', 'jobs.took': 'took {time}',
    'jobs.incident': 'incident', 'jobs.cancelOne': 'Cancel job {id}', 'jobs.retryOne': 'Retry job {id}',
  },
  tr: {
    'jobs.caption': 'İşler, en yenisi başta', 'jobs.select': 'Seç', 'jobs.selectOne': '{id} işini seç',
    'jobs.job': 'İş', 'jobs.state': 'Durum', 'jobs.outcome': 'Sonuç', 'jobs.created': 'Kabul',
    'jobs.actions': 'İşlemler', 'jobs.attempts': '{n} deneme kullanıldı', 'jobs.again': 'sonraki deneme', 'jobs.took': '{time} sürdü',
    'jobs.incident': 'olay', 'jobs.cancelOne': '{id} işini iptal et', 'jobs.retryOne': '{id} işini yeniden dene',
  },
});

export const shortId = (id) => id.slice(0, 8);

function jobCell(job) {
  return [
    h('a', { id: `job-${job.id}`, href: `/admin/jobs/${job.id}`, class: 'fw-semibold' }, stranger(job.filename, { fold: 60, plain: true })),
    h('div', { class: 'mz-note' }, `${shortId(job.id)} · ${job.tenant_id}`),
  ];
}

function stateCell(job) {
  const waits = job.status === 'QUEUED' && Date.parse(job.run_at) > Date.now();
  return [jobBadge(job),
    job.attempts > 1 && h('div', { class: 'mz-note' }, t('jobs.attempts', { n: job.attempts })),
    waits && h('div', { class: 'mz-note' }, `${t('jobs.again')}: `, timeElement(job.run_at, { seconds: true }))];
}

function outcomeCell(job) {
  return [
    job.error && h('div', { class: 'mz-note' }, jobError(job.error.code)),
    job.outcome && job.outcome !== 'failed' && h('div', null, outcomeBadge(job.outcome), ' ', severityBadge(job.severity)),
    job.incident_id && h('div', null, h('a', { id: `incident-of-${job.id}`, href: `/admin/incidents/${job.incident_id}` }, `→ ${t('jobs.incident')}`)),
    !job.error && !job.outcome && '–',
  ];
}

function actionCell(job, onChange) {
  const verb = verbFor(job.status);
  return verb && button(t(`change.${verb}`), () => onChange(verb, job), 'sm btn-outline-secondary',
    { id: `change-${job.id}`, 'aria-label': t(`jobs.${verb}One`, { id: shortId(job.id) }) });
}

function choiceCell(job, chosen, onChoose) {
  return verbFor(job.status) && h('input', { type: 'checkbox', class: 'form-check-input', id: `choose-${job.id}`,
    checked: chosen.has(job.id), 'aria-label': t('jobs.selectOne', { id: shortId(job.id) }),
    on: { change: (event) => onChoose(job, event.target.checked) } });
}

/* chosen: a map of ids; without onChange (for viewers) nothing can be chosen or done. */
export function jobTable({ jobs, chosen, onChoose, onChange }) {
  return listed(table({
    caption: t('jobs.caption'),
    columns: [
      onChange && { title: t('jobs.select'), cell: (job) => choiceCell(job, chosen, onChoose) },
      { title: t('jobs.job'), header: true, wide: true, cell: jobCell },
      { title: t('jobs.state'), cell: stateCell },
      { title: t('jobs.outcome'), cell: outcomeCell },
      { title: t('jobs.created'), cell: (job) => [timeElement(job.created_at, { seconds: true }),
        job.pipeline_total_ms !== null && h('div', { class: 'mz-note' }, t('jobs.took', { time: duration(job.pipeline_total_ms) }))] },
      onChange && { title: t('jobs.actions'), cell: (job) => actionCell(job, onChange) },
    ].filter(Boolean),
    rows: jobs,
  }), t('jobs.caption'));
}
