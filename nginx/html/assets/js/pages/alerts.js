/* What fires now and what to do about it; the rules, the silences, and what was. */
import { get, urlWith } from '../api.js';
import { h, replace } from '../dom.js';
import { currentCards, historyTable, rulesCard, watchdogCard } from '../alerts/parts.js';
import { endSilence, silence, silencesCard } from '../alerts/silence.js';
import strings from '../alerts/strings.js';
import { ruleName } from '../alerts/words.js';
import { errorText } from '../errors.js';
import { keepFocus } from '../focus.js';
import { t } from '../i18n.js';
import { repeat } from '../live.js';
import { card, empty, errorBox, filterForm, pageHeader, pager } from '../ui.js';

const REFRESH_MS = 10_000;
const HISTORY = 20;

export default { title: 'page.alerts', strings, render };

async function render(root, { path, query, session, signal, navigate }) {
  const asked = { rule: query.rule, cursor: query.cursor, limit: HISTORY, state: 'resolved' };
  const load = () => Promise.all([get('/admin/alerts', { state: 'current' }, { signal }), get('/admin/alerts', asked, { signal })]);
  const top = h('div');
  const below = h('div');
  const status = h('p', { class: 'mz-soft', role: 'status' });
  const failure = h('div');
  const mayChange = session.role !== 'viewer';
  let drawn = null;

  function draw([now, before]) {
    replace(status);
    const what = JSON.stringify([now, before].map((page) => ({ ...page, generated_at: '', watchdog: { ...page.watchdog, seen_at: '' } })));
    if (what === drawn) return; // nothing moves under the reader's eyes
    drawn = what;
    keepFocus(() => {
      replace(top, watchdogCard(now.watchdog), currentCards(now, mayChange ? doSilence : null),
        silencesCard(now.silences, mayChange ? doEnd : null));
      replace(below, historyCard(before, { path, query }, (changed) => navigate(urlWith(path, changed))),
        rulesCard(now, mayChange ? doSilence : null));
    });
  }

  /* What went wrong stands there until the next try; else what is there now is drawn. */
  async function attempt(what) {
    replace(failure);
    try {
      if (await what() !== false) draw(await load());
    } catch (error) {
      if (!signal.aborted) replace(failure, errorBox(error));
    }
  }
  const doSilence = (rule) => attempt(() => silence(rule, signal));
  const doEnd = (each) => attempt(() => endSilence(each, signal));

  const first = await load();
  replace(root, pageHeader(t('page.alerts')), failure, top, status, below);
  draw(first);
  repeat(async () => {
    try {
      draw(await load());
    } catch (error) {
      if (!signal.aborted) replace(status, t('alerts.stale', { why: errorText(error) }));
    }
  }, { everyMs: REFRESH_MS, signal });
}

function historyCard({ alerts, rules, next_cursor: nextCursor }, { path, query }, onChange) {
  return card(t('alerts.history'),
    filterForm({ query, onChange, fields: [{ name: 'rule', label: t('alerts.rule'), type: 'select',
      options: [['', t('alerts.every_rule')], ...rules.map(({ rule }) => [rule, ruleName(rule)])] }] }),
    alerts.length === 0 ? empty(t(query.rule ? 'alerts.none_fits' : 'alerts.none_before')) : historyTable(alerts),
    pager({ path, query, nextCursor }));
}
