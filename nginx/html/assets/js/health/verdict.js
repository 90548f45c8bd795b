/* Is it healthy, and what is to be done next: read from the figures, most pressing first. */
import { ruleName } from '../alerts/words.js';
import { urlWith } from '../api.js';
import { known, t } from '../i18n.js';

const SEVERITY = ['alarm', 'warn'];

/*
 * health: /admin/system-health; ready: /health/ready; openS1: {count, more}, or null where they
 * could not be asked for; watch: of alerts/banner.js; isPilot: whether the figures are the pilot's.  → {kind: ok|warn|alarm, sentence, steps: [{kind, text, href}]}
 */
export function verdict({ health, ready, openS1, watch, isPilot }) {
  const steps = [
    ...checkSteps(ready), ...watchSteps(watch), ...alertSteps(watch, isPilot), ...pilotSteps(ready, isPilot), ...queueSteps(health),
    ...metricSteps(health, 'alarm'), ...incidentSteps(health, openS1),
    ...metricSteps(health, 'warn'), ...driftSteps(health),
  ].sort((a, b) => SEVERITY.indexOf(a.kind) - SEVERITY.indexOf(b.kind));
  const kind = SEVERITY.find((each) => steps.some((step) => step.kind === each)) ?? 'ok';
  return { kind, sentence: sentence({ health, ready, kind, isPilot }), steps };
}

function sentence({ health, ready, kind, isPilot }) {
  if (isPilot && ready.pilot?.enabled === false) return t('health.is_off');
  if (!ready.checks) return t('health.is_unknown');
  if (ready.status !== 'ready') return t('health.is_not_ready');
  const subject = isPilot ? t('health.the_pilot') : t('health.the_tenant', { tenant: health.tenant_id });
  const unjudged = kind === 'ok' && health.metrics.every((metric) => metric.state === 'insufficient_data');
  return t(unjudged ? 'health.is_unjudged' : `health.is_${kind}`, { subject });
}

/* Everybody's trouble: what carries the pilot carries all tenants, and the requests of all are counted. */
function watchSteps({ alive, counts }) {
  return [
    alive === false && { kind: 'alarm', text: t('health.next_nobody_watches'), href: '/admin/alerts' },
    counts === false && { kind: 'warn', text: t('health.next_not_counted'), href: '/admin/alerts' },
  ].filter(Boolean);
}

/* What the watchdog watches is the pilot, and what carries it. */
function alertSteps({ firing }, isPilot) {
  if (!isPilot) return [];
  return firing.map(({ id, rule }) => ({ kind: 'alarm', text: t('health.next_alert', { rule: ruleName(rule) }), href: `/admin/alerts/${id}` }));
}

function pilotSteps(ready, isPilot) {
  if (!isPilot || !ready.pilot) return [];
  if (ready.pilot.enabled === false) return [{ kind: 'alarm', text: t('health.next_pilot_off'), href: '/admin/pilot' }];
  if (ready.pilot.rate_limit?.remaining === 0) return [{ kind: 'warn', text: t('health.next_budget'), href: '/admin/pilot' }];
  return [];
}

/* No answer, or one that holds no checks, is no sign of health. */
function checkSteps(ready) {
  if (!ready.checks) return [{ kind: 'alarm', text: t('health.next_unreachable'), href: '#ready' }];
  return Object.entries(ready.checks).filter(([, check]) => check.status !== 'ok').map(([name, check]) => ({
    kind: check.status === 'error' ? 'alarm' : 'warn',
    text: t('health.next_check', { check: t(`health.check_${name}`), why: reasonText(check.reason) }),
    href: '#ready',
  }));
}

/* Why a check of readiness is not ok. */
export function reasonText(reason) {
  return known(`health.reason_${reason}`) ? t(`health.reason_${reason}`) : t('health.reason_other', { reason: reason ?? '–' });
}

function queueSteps({ tenant_id, queue }) {
  if (!queue.stuck_count) return [];
  return [{ kind: 'alarm', text: t('health.next_stuck', { n: queue.stuck_count }), href: urlWith('/admin/jobs', { tenant_id, stuck: 'true' }) }];
}

function incidentSteps({ tenant_id }, openS1) {
  if (openS1 === null) return [{ kind: 'warn', text: t('health.next_s1_unknown'), href: urlWith('/admin/incidents', { tenant_id }) }];
  const { count, more } = openS1;
  if (count === 0) return [];
  return [{ kind: 'warn', text: more ? t('health.next_s1_more', { count }) : t('health.next_s1', { n: count }),
    href: urlWith('/admin/incidents', { tenant_id, severity: 'S1', status: 'OPEN' }) }];
}

function metricSteps({ metrics }, state) {
  return metrics.filter((metric) => metric.state === state).map((metric) => ({
    kind: state, text: t(`health.next_${state}`, { metric: t(`health.metric_${metric.name}`) }), href: `#metric-${metric.name}`,
  }));
}

function driftSteps({ drift_alerts: alerts }) {
  const fired = alerts.filter((alert) => alert.triggered).length;
  return fired === 0 ? [] : [{ kind: 'warn', text: t('health.next_drift', { n: fired }), href: '#drift' }];
}
