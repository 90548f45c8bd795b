/* The parts of the system health page: each takes figures and gives a card. */
import { h } from '../dom.js';
import { dateText, duration, number, percent, timeElement } from '../format.js';
import { known, t } from '../i18n.js';
import { stranger } from '../terms.js';
import { badge, card, empty, facts, figure, link, table } from '../ui.js';
import { reasonText } from './verdict.js';

const CHECK_KINDS = { ok: 'ok', warning: 'warn', error: 'alarm' };
const STATE_KINDS = { ok: 'ok', warn: 'warn', alarm: 'alarm', insufficient_data: 'muted' };
const COUNTS = ['total_invoices', 'incident_count', 'mismatch_count', 's1_count', 's2_count', 'ocr_suspect_count', 'accept_rounding_count'];
const RATES = ['mismatch_rate', 's1_rate', 's2_rate', 'ocr_suspect_rate', 'accept_rounding_rate', 'feedback_coverage'];

export function verdictCard({ kind, sentence, steps }) {
  return h('section', { class: `mz-card mz-verdict mz-verdict-${kind}`, 'aria-labelledby': 'verdict' },
    h('h2', { id: 'verdict' }, badge(kind, t(`health.verdict_${kind}`)), ' ', sentence),
    h('h3', null, t('health.next')),
    steps.length === 0 ? h('p', null, t('health.nothing_to_do'))
      : h('ul', { class: 'mz-steps' }, steps.map((step, i) =>
        h('li', null, badge(step.kind, t(`health.verdict_${step.kind}`)), h('a', { href: step.href, id: `step-${i}` }, step.text)))));
}

/* What of a check's members says more than its status: the reason in words, then the figures. */
function checkDetail({ status, reason, until, ...members }) {
  const parts = Object.entries(members).filter(([, value]) => value !== null)
    .map(([name, value]) => `${labelOf(name)}: ${memberText(name, value)}`);
  return [
    reason && h('div', null, reasonText(reason), until && [` ${t('health.until')} `, timeElement(until, { seconds: true })]),
    h('div', { class: 'mz-soft' }, parts.join(', '))];
}

function memberText(name, value) {
  if (typeof value === 'boolean') return t(value ? 'ui.yes' : 'ui.no');
  if (typeof value === 'number') return name === 'latency_ms' ? duration(value) : number(value);
  return value;
}

const labelOf = (name) => (known(`health.detail_${name}`) ? t(`health.detail_${name}`) : name.replaceAll('_', ' '));

export function readyCard(ready) {
  const section = card(t('health.ready_title'), ready.checks ? readyChecks(ready)
    : [h('p', null, badge('alarm', t('health.unreachable'))), h('p', null, t('health.unreachable_text'))]);
  section.id = 'ready';
  return section;
}

function readyChecks(ready) {
  const isReady = ready.status === 'ready';
  return [
    h('p', null, badge(isReady ? 'ok' : 'alarm', t(isReady ? 'health.ready' : 'health.not_ready')), ' ',
      h('span', { class: 'mz-soft' }, t('health.checked'), ' ', timeElement(ready.timestamp, { seconds: true }))),
    table({
      caption: t('health.checks'), rows: Object.entries(ready.checks), columns: [
        { title: t('health.check'), cell: ([name]) => t(`health.check_${name}`), header: true },
        { title: t('health.state'), cell: ([, check]) => badge(CHECK_KINDS[check.status], t(`health.check_is_${check.status}`)) },
        { title: t('health.detail'), cell: ([, check]) => checkDetail(check), wide: true },
      ] }),
    facts([[t('health.build'), h('code', null, ready.build_id)], [t('health.config_hash'), h('code', null, ready.config_hash)]])];
}

export function loadCard({ queue, front_door: door, tenant_id: tenant }) {
  return card(t('health.load_title'),
    h('div', { class: 'mz-figures' },
      figure(t('health.queue_depth'), queue.depth),
      figure(t('health.stuck'), queue.stuck_count),
      figure(t('health.requests'), door.requests),
      figure('4xx', door['4xx']),
      figure('5xx', door['5xx'], percent(door.error_rate_5xx))),
    h('p', { class: 'mz-soft' }, t('health.load_note')),
    h('p', null, link(`/admin/jobs?tenant_id=${encodeURIComponent(tenant)}`, t('health.to_jobs'))));
}

const isTime = (name) => name.startsWith('p95');
const isCount = (name) => name === 'queue_max_depth';
const asValue = (name, value) => (isTime(name) ? duration(value) : isCount(name) ? number(value) : percent(value));

/* "< 0.10", "0.05-0.15", "< 0.02 or > 0.25" as the reader writes them. */
function asLimit(name, text) {
  return text.replace(/\d+(\.\d+)?/g, (digits) => asValue(name, Number(digits))).replace('-', '–').replace(' or ', ` ${t('health.or')} `);
}

export function metricsCard(metrics) {
  return card(t('health.metrics_title'), table({
    caption: t('health.metrics_title'), rows: metrics,
    rowAttributes: (metric) => ({ id: `metric-${metric.name}` }),
    columns: [
      { title: t('health.metric'), cell: (metric) => t(`health.metric_${metric.name}`), header: true },
      { title: t('health.value'), cell: (metric) => asValue(metric.name, metric.value), numeric: true },
      { title: t('health.target'), cell: (metric) => asLimit(metric.name, metric.target), numeric: true },
      { title: t('health.alarm'), cell: (metric) => asLimit(metric.name, metric.alarm), numeric: true },
      { title: t('health.samples'), cell: (metric) => number(metric.n), numeric: true },
      { title: t('health.state'), cell: (metric) => badge(STATE_KINDS[metric.state], t(`health.state_${metric.state}`)) },
    ] }));
}

/* ▲ and ▼ say the direction; whether it is good or bad is the metrics table's to say. */
function difference(now, before, format) {
  const change = now - before;
  if (Math.abs(change) < 1e-9) return t('health.unchanged');
  return `${change > 0 ? '▲ +' : '▼ −'}${format(Math.abs(change))}`;
}

export function periodsCard({ current_period: now, previous_period: before }) {
  const span = (period) => `${dateText(period.start_date)} – ${dateText(period.end_date)}`;
  const points = (share) => t('health.points', { points: number(share * 100, 2) });
  const row = (name, format, change) => ({ name, now: format(now[name]), before: format(before[name]), change: difference(now[name], before[name], change) });
  const rows = [...COUNTS.map((name) => row(name, number, number)), ...RATES.map((name) => row(name, percent, points))];
  if ('p95_pipeline_total_ms' in now) rows.push(row('p95_pipeline_total_ms', duration, duration));
  return card(t('health.periods_title'), table({
    caption: t('health.periods_caption', { now: span(now), before: span(before) }), visibleCaption: true, rows,
    columns: [
      { title: t('health.figure'), cell: (each) => t(`health.${each.name}`), header: true },
      { title: t('health.this_period'), cell: (each) => each.now, numeric: true },
      { title: t('health.period_before'), cell: (each) => each.before, numeric: true },
      { title: t('health.difference'), cell: (each) => each.change, numeric: true },
    ] }));
}

export function driftCard(alerts) {
  const section = card(t('health.drift_title'), alerts.length === 0 ? empty(t('health.no_drift')) : table({
    caption: t('health.drift_title'), rows: alerts, columns: [
      { title: t('health.figure'), cell: (alert) => t(`health.${alert.alert_type}`), header: true },
      { title: t('health.period_before'), cell: (alert) => `${percent(alert.old_rate)} (${number(alert.old_count)})`, numeric: true },
      { title: t('health.this_period'), cell: (alert) => `${percent(alert.new_rate)} (${number(alert.new_count)})`, numeric: true },
      { title: t('health.state'), cell: (alert) => badge(alert.triggered ? 'warn' : 'ok', t(alert.triggered ? 'health.drifts' : 'health.steady')) },
    ] }), alerts.length > 0 && h('p', { class: 'mz-soft' }, t('health.drift_note')));
  section.id = 'drift';
  return section;
}

/* [{label, count}] as bars with their figures. */
function bars(caption, title, rows) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return table({
    caption, rows, columns: [
      { title, cell: (row) => row.label, header: true },
      { title: t('health.count'), cell: (row) => number(row.count), numeric: true },
      { title: t('health.share'), cell: (row) => bar(row.count / most, row.share) },
    ] });
}

function bar(length, share) {
  const line = h('span', { class: 'mz-hbar', 'aria-hidden': 'true' });
  line.style.width = `${length * 5}rem`;
  return h('span', { class: 'mz-hbar-cell' }, line, percent(share, 1));
}

/* "2-5%" and "20%+", as the reader's language writes percentages. */
function binLabel(label) {
  const [from, to] = label.match(/\d+/g).map((n) => percent(n / 100));
  return to ? `${from}–${to}` : `≥ ${from}`;
}

export function histogramCard(histogram) {
  const total = histogram.reduce((sum, bin) => sum + bin.count, 0);
  if (total === 0) return card(t('health.histogram_title'), empty(t('health.no_mismatches')));
  return card(t('health.histogram_title'), bars(t('health.histogram_title'), t('health.deviation'),
    histogram.map((bin) => ({ ...bin, label: binLabel(bin.label), share: bin.count / total }))));
}

export function actionsCard(actions) {
  const classes = ['VERIFY_OCR', 'VERIFY_INVOICE_LOGIC', 'ACCEPT_ROUNDING_TOLERANCE'];
  if (actions.total === 0) return card(t('health.actions_title'), empty(t('health.no_mismatches')));
  return card(t('health.actions_title'), bars(t('health.actions_title'), t('health.action'), classes.map((each) => ({
    label: t(`health.${each}`), count: actions[each], share: actions.rates[each] ?? 0 }))));
}

export function offendersCard(title, offenders, none) {
  return card(title, offenders.length === 0 ? empty(none) : table({
    caption: title, rows: offenders, columns: [
      { title: t('health.seller'), cell: (row) => stranger(row.seller, { missing: t('health.no_seller') }), header: true },
      { title: t('health.total_invoices'), cell: (row) => number(row.total_count), numeric: true },
      { title: t('health.mismatch_count'), cell: (row) => number(row.mismatch_count), numeric: true },
      { title: t('health.share'), cell: (row) => percent(row.mismatch_rate), numeric: true },
    ] }));
}
