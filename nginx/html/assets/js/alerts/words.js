/* An alert in words: what it is, how its value stands, what was decided and what to do next. */
import { h } from '../dom.js';
import { duration, number, percent, timeElement } from '../format.js';
import { known, t } from '../i18n.js';
import { stranger } from '../terms.js';
import { badge, link } from '../ui.js';

const STATE_KINDS = { pending: 'warn', firing: 'alarm', resolved: 'ok' };
const DECISION_KINDS = { INVESTIGATE: 'info', STOP: 'warn', ROLLBACK: 'alarm' };

/* A code that this build does not know is shown as it is. */
const word = (kind, code) => (known(`alerts.${kind}_${code}`) ? t(`alerts.${kind}_${code}`) : code);

export const ruleName = (rule) => word('rule', rule);
export const channelName = (channel) => word('channel', channel);
export const ownerName = (owner) => word('owner', owner);
export const eventName = (event) => word('event', event);
export const stateBadge = (state) => badge(STATE_KINDS[state], word('state', state));
export const span = (seconds) => duration(seconds * 1000);

export function decisionBadge(decision) {
  return decision === null ? t('alerts.decision_none') : badge(DECISION_KINDS[decision] ?? 'muted', word('decision', decision));
}

/* How far back it looked, which may be further than usual. */
function windowOf({ from, to, window_seconds: usual }) {
  return span(from && to ? Math.round((new Date(to) - new Date(from)) / 60_000) * 60 : usual);
}

const share = (part, all) => (inputs) => ({
  part: inputs[part], all: inputs[all], value: percent(inputs.value), threshold: percent(inputs.threshold), window: windowOf(inputs) });
const lasting = (inputs) => ({ depth: inputs.depth, value: span(inputs.value), threshold: span(inputs.threshold) });

const MEASURES = {
  ready_503: lasting,
  queue_stuck: lasting,
  error_5xx: share('errors', 'requests'),
  s1_spike: share('s1', 'incidents'),
  latency_spike: (inputs) => ({ n: number(inputs.n), window: windowOf(inputs), p95: duration(inputs.p95_ms),
    threshold: number(inputs.threshold, 2), baseline: duration(inputs.baseline_ms) }),
  feedback_drop: share('resolved_with_feedback', 'resolved'),
};
/* What has to last and does not at present: there is no time to tell. */
const NOT_NOW = ['ready_503', 'queue_stuck'];

/* Value against threshold, as a sentence. */
export function measure({ rule, inputs }) {
  if (!(rule in MEASURES)) return h('code', null, JSON.stringify(inputs));
  const key = NOT_NOW.includes(rule) && inputs.value === null ? `alerts.not_now_${rule}` : `alerts.measure_${rule}`;
  return [t(key, MEASURES[rule](inputs)),
    inputs.failing_checks?.length > 0 && [' ', stranger(t('alerts.measure_failing', { names: inputs.failing_checks.join(', ') }))],
    inputs.provider_alone === true && [' ', t('alerts.measure_provider')],
    inputs.build_since && [' ', t('alerts.measure_build'), ' ', timeElement(inputs.build_since, { seconds: true })]];
}

const escalatedByHand = (alert) => alert.rule === 'latency_spike' && alert.escalated_at !== null;

/* Who has to do it. */
export function decisionText(alert) {
  const text = alert.decision !== null && alert.decision !== 'INVESTIGATE' && word('carried', alert.carried_out);
  return [decisionBadge(alert.decision), text && [' ', text], escalatedByHand(alert) && [' ', t('alerts.by_hand')]];
}

/* As lib/ops/alert_words.c has it for chats and pagers. */
export function nextCommand(alert, rule) {
  const done = ['done', 'ordered'].includes(alert.carried_out);
  if (alert.decision === 'ROLLBACK') return rule.commands[done ? 'VERIFY' : 'ROLLBACK'];
  if (alert.decision === 'STOP' && !done) return rule.commands.STOP;
  return rule.commands[escalatedByHand(alert) ? 'ROLLBACK' : 'INVESTIGATE'];
}

export function runbookLink({ runbook }) {
  return /^https?:/.test(runbook) ? link(runbook, runbook) : h('code', null, runbook);
}

/* The rule's threshold as it compares with it. */
export function thresholdText({ rule, threshold }) {
  if (rule === 'latency_spike') return t('alerts.over', { value: t('alerts.times', { value: number(threshold, 2) }) });
  if (rule === 'feedback_drop') return t('alerts.under', { value: percent(threshold) });
  return t('alerts.over', { value: rule === 'ready_503' || rule === 'queue_stuck' ? span(threshold) : percent(threshold) });
}
