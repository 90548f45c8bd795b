/* The parts of the alerts' pages: each takes what the API says and gives a card. */
import { h } from '../dom.js';
import { duration, number, timeElement } from '../format.js';
import { t } from '../i18n.js';
import { badge, button, card, empty, facts, link, table } from '../ui.js';
import { channelName, decisionBadge, decisionText, measure, nextCommand, ownerName, ruleName, runbookLink, span, stateBadge, thresholdText } from './words.js';

function byItself({ auto_stop: stops, auto_rollback: rollsBack }) {
  if (stops) return t(rollsBack ? 'alerts.by_itself_both' : 'alerts.by_itself_stop');
  return t(rollsBack ? 'alerts.by_itself_rollback' : 'alerts.by_itself_nothing');
}

const momentOf = (at) => (at ? timeElement(at, { seconds: true }) : t('alerts.never'));

export function watchdogCard(watchdog) {
  const kind = watchdog.alive ? 'ok' : 'alarm';
  return h('section', { class: `mz-card mz-verdict mz-verdict-${kind}`, 'aria-labelledby': 'watchdog' },
    h('h2', { id: 'watchdog' }, badge(kind, t(watchdog.alive ? 'alerts.watches' : 'alerts.nobody'))),
    !watchdog.alive && h('p', null, t('alerts.nobody_text')),
    !watchdog.counts && h('p', { class: 'mz-notice mz-warn' }, t('alerts.not_counted')),
    facts([
      [t('alerts.evaluated'), momentOf(watchdog.evaluated_at)],
      [t('alerts.counted'), momentOf(watchdog.counted_at)],
      watchdog.leader && [t('alerts.leader'), h('code', null, watchdog.leader)],
      watchdog.leader && [t('alerts.leads_since'), timeElement(watchdog.since)],
      [t('alerts.by_itself'), byItself(watchdog)],
      [t('alerts.channels'), watchdog.channels.length > 0 ? watchdog.channels.map(channelName).join(', ') : t('alerts.no_channels')],
    ]));
}

/* When what, and what came of it. */
export function alertFacts(alert) {
  return facts([
    [t('alerts.since'), timeElement(alert.pending_at, { seconds: true })],
    alert.fired_at && [t('alerts.firing_since'), timeElement(alert.fired_at, { seconds: true })],
    alert.escalated_at && [t('alerts.escalated_at'), timeElement(alert.escalated_at, { seconds: true })],
    alert.resolved_at && [t('alerts.resolved_at'), timeElement(alert.resolved_at, { seconds: true })],
    alert.resolved_at && [t('alerts.resolution'), t(`alerts.reason_${alert.resolved_reason}`)],
    [t('alerts.owner'), ownerName(alert.owner)],
    [t('alerts.build'), h('code', null, alert.build_id)],
  ]);
}

function command(label, text) {
  return [h('p', { class: 'mb-1' }, `${label}:`), h('pre', { class: 'mz-command', tabindex: '0', 'aria-label': label }, text)];
}

/* What a person does about it now; where it is over, about what it left behind. */
export function toDo(alert, rule) {
  if (!rule) return null;
  const stopped = alert.stopped && h('p', { class: 'mz-notice mz-warn' }, t('alerts.pilot_off'), ' ', link('/admin/pilot', t('alerts.pilot_page')));
  if (alert.state === 'resolved') return stopped && [stopped, command(t('alerts.pilot_start'), rule.commands.START)];
  return [
    alert.decision !== null && h('p', null, `${t('alerts.decision')}: `, decisionText(alert)),
    stopped,
    command(t('alerts.next'), nextCommand(alert, rule)),
    h('p', null, `${t('alerts.runbook')}: `, runbookLink(rule)),
  ];
}

function currentAlert(alert, rule, silence) {
  const name = ruleName(alert.rule);
  return h('section', { class: `mz-card mz-verdict mz-verdict-${alert.state === 'firing' ? 'alarm' : 'warn'}`, 'aria-labelledby': `now-${alert.id}` },
    h('h3', { id: `now-${alert.id}` }, stateBadge(alert.state), ' ', link(`/admin/alerts/${alert.id}`, name)),
    h('p', null, measure(alert)),
    toDo(alert, rule),
    alertFacts(alert),
    alert.undelivered > 0 && h('p', { class: 'mz-notice mz-warn' }, t('alerts.undelivered', { n: alert.undelivered })),
    h('p', { class: 'page-actions' }, link(`/admin/alerts/${alert.id}`, t('alerts.open')),
      silence && button(t('alerts.silence'), () => silence(alert.rule), 'sm btn-outline-secondary',
        { id: `silence-now-${alert.rule}`, 'aria-label': t('alerts.silence_of', { rule: name }) })));
}

/* silence: called with the rule; null: a viewer looks. */
export function currentCards({ alerts, rules }, silence) {
  return [h('h2', null, t('alerts.current')),
    alerts.length === 0 ? empty(t('alerts.none_now')) : alerts.map((alert) => currentAlert(alert, rules.find((rule) => rule.rule === alert.rule), silence))];
}

function decisionOf(rule) {
  if (rule.then === null) return decisionBadge(rule.decision);
  return [decisionBadge(rule.decision), ' ', t('alerts.after', { after: span(rule.after_seconds) }), ' ', decisionBadge(rule.then)];
}

function goesTo(rule, configured) {
  return rule.channels.map((channel) => (configured.includes(channel) ? channelName(channel)
    : t('alerts.channel_unset', { channel: channelName(channel) }))).join(', ');
}

export function rulesCard({ rules, watchdog }, silence) {
  return card(t('alerts.rules'), table({
    caption: t('alerts.rules'), rows: rules, columns: [
      { title: t('alerts.rule'), cell: (rule) => ruleName(rule.rule), header: true },
      { title: t('alerts.threshold'), cell: (rule) => h('span', { class: 'mz-whole-words' }, thresholdText(rule)) },
      { title: t('alerts.window'), cell: (rule) => (rule.window_seconds > 0 ? span(rule.window_seconds) : '–'), numeric: true },
      { title: t('alerts.hold'), cell: (rule) => (rule.hold_seconds > 0 ? span(rule.hold_seconds) : '–'), numeric: true },
      { title: t('alerts.min'), cell: (rule) => (rule.min_samples > 1 ? number(rule.min_samples) : '–'), numeric: true },
      { title: t('alerts.decision'), cell: decisionOf, wide: true },
      { title: t('alerts.to'), cell: (rule) => goesTo(rule, watchdog.channels), wide: true },
      { title: t('alerts.messages'), cell: (rule) => (rule.silenced_until !== null
        ? [t('alerts.silenced_until'), ' ', timeElement(rule.silenced_until)]
        : silence ? button(t('alerts.silence'), () => silence(rule.rule), 'sm btn-outline-secondary',
          { id: `silence-${rule.rule}`, 'aria-label': t('alerts.silence_of', { rule: ruleName(rule.rule) }) }) : '–') },
    ] }));
}

export function historyTable(alerts) {
  return table({
    caption: t('alerts.history'), rows: alerts, columns: [
      { title: t('alerts.since'), cell: (alert) => link(`/admin/alerts/${alert.id}`, timeElement(alert.pending_at)), header: true },
      { title: t('alerts.rule'), cell: (alert) => ruleName(alert.rule) },
      { title: t('alerts.what'), cell: measure, wide: true },
      { title: t('alerts.decision'), cell: (alert) => decisionBadge(alert.decision) },
      { title: t('alerts.lasted'), cell: (alert) => duration(new Date(alert.resolved_at) - new Date(alert.pending_at)), numeric: true },
      { title: t('alerts.resolution'), cell: (alert) => t(`alerts.reason_${alert.resolved_reason}`) },
    ] });
}
