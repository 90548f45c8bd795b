/* Is the pilot healthy, and what is to be done next; below it the figures that say so. */
import { firingBanner, watchState } from '../alerts/banner.js';
import { get, urlWith } from '../api.js';
import { h, replace } from '../dom.js';
import { errorText } from '../errors.js';
import { timeElement } from '../format.js';
import { feedbackCard } from '../health/feedback.js';
import { actionsCard, driftCard, histogramCard, loadCard, metricsCard, offendersCard, periodsCard, readyCard, verdictCard } from '../health/figures.js';
import { routesCard } from '../health/routes.js';
import strings from '../health/strings.js';
import { trends } from '../health/trends.js';
import { verdict } from '../health/verdict.js';
import { t } from '../i18n.js';
import { repeat } from '../live.js';
import { preferredTenant } from '../session.js';
import { filterForm, link, pageHeader, tenantField, withResults } from '../ui.js';

const REFRESH_MS = 30_000;
const PERIODS = ['1', '7', '14', '30', '90'];
const COUNTED = 200; // incidents asked for at the most

export default { title: 'page.system-health', strings, render };

async function render(root, { path, query, session, signal, navigate }) {
  const asked = {
    tenant_id: query.tenant_id ?? preferredTenant(session),
    period_days: query.period_days ?? '7',
    reference_date: query.reference_date,
  };
  const isPilot = asked.tenant_id === session.pilot_tenant_id;
  const top = h('div');
  const charts = trends(signal);
  const below = h('div');
  const routes = h('div');
  const status = h('p', { class: 'mz-soft' });
  let drawn = null;

  function draw(fresh) {
    replace(status, t('health.as_of'), ' ', timeElement(fresh.health.generated_at, { seconds: true }), '. ', t('health.refreshes'));
    replace(routes, routesCard(fresh.health.front_door_routes)); // which count this page's own requests
    const what = fingerprint(fresh);
    if (what === drawn) return; // nothing moves under the reader's eyes
    drawn = what;
    const focused = document.activeElement?.id;
    replace(top, topCards({ ...fresh, isPilot }));
    replace(below, lowerCards(fresh));
    charts.update(fresh.health.trend);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  const head = [pageHeader(t('page.system-health')), filters(asked, query, session, (changed) => navigate(urlWith(path, changed)))];
  await withResults(root, head, async () => {
    draw(await load(asked, session, signal));
    repeat(async () => {
      try {
        draw(await load(asked, session, signal));
      } catch (error) {
        if (!signal.aborted) replace(status, t('health.stale', { why: errorText(error) }));
      }
    }, { everyMs: REFRESH_MS, signal });
    return [top, charts.node, below, routes, status];
  });
}

/* The figures have to be there; that nothing answers for readiness is itself a finding. */
async function load(asked, session, signal) {
  const figures = get('/admin/system-health', asked, { signal });
  const [health, feedback, ready, openS1, watch] = await Promise.all([
    figures, figures.then((of) => feedbackOf(of, signal)),
    get('/health/ready', null, { signal, accept: [503] }).catch(() => ({ status: 'unreachable' })),
    openIncidents(asked.tenant_id, signal).catch(() => null),
    watchState(session, signal),
  ]);
  return { health, feedback, ready, openS1, watch };
}

/* Of the same days. */
function feedbackOf({ tenant_id, current_period: { start_date, end_date } }, signal) {
  return get('/admin/feedback-stats', { tenant_id, start_date, end_date }, { signal }).catch((error) => ({ error }));
}

async function openIncidents(tenant, signal) {
  const open = await get('/admin/incidents', { tenant_id: tenant, severity: 'S1', status: 'OPEN', limit: COUNTED }, { signal });
  return { count: open.incidents.length, more: open.next_cursor !== null };
}

/* All but the times, which alone change at every look. */
function fingerprint({ health, feedback, ready, openS1, watch }) {
  const latency = { ...ready.checks?.database, latency_ms: 0 };
  return JSON.stringify([{ ...health, generated_at: '', front_door_routes: [] },
    { ...ready, timestamp: '', checks: { ...ready.checks, database: latency } }, feedback.error?.code ?? feedback, openS1, watch]);
}

function filters(asked, query, session, onChange) {
  return filterForm({
    query: asked, onChange, clearable: Object.keys(query).length > 0,
    fields: [
      tenantField(session),
      { name: 'period_days', label: t('health.period'), type: 'select', options: PERIODS.map((days) => [days, t('health.days', { n: Number(days) })]) },
      { name: 'reference_date', label: t('health.ends_on'), type: 'date', max: new Date().toISOString().slice(0, 10) },
    ],
  });
}

function topCards({ health, ready, openS1, watch, isPilot }) {
  return [
    firingBanner(watch.firing),
    verdictCard(verdict({ health, ready, openS1, watch, isPilot })),
    metricsCard(health.metrics),
    h('div', { class: 'mz-grid' }, readyCard(ready), loadCard(health)),
  ];
}

function lowerCards({ health, feedback }) {
  return [
    periodsCard(health),
    feedbackCard(feedback, health.tenant_id, h('p', null,
      link(urlWith('/admin/feedback-stats', { tenant_id: health.tenant_id }), t('health.all_feedback')))),
    driftCard(health.drift_alerts),
    h('div', { class: 'mz-grid' }, histogramCard(health.histogram), actionsCard(health.action_class_distribution)),
    h('div', { class: 'mz-grid' },
      offendersCard(t('health.by_rate'), health.top_offenders_by_rate, t('health.none_by_rate')),
      offendersCard(t('health.by_count'), health.top_offenders_by_count, t('health.none_by_count'))),
  ];
}
