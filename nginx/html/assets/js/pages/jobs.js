/* The queue and what became of it, live; cancelling and retrying one, some or all. */
import { get, send, urlWith } from '../api.js';
import { h, replace } from '../dom.js';
import { folded } from '../fold.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { VERBS, changeAll, changeIds, mayChange, resultNotice, sure, verbFor } from '../jobs/change.js';
import { Drain, drawDrain } from '../jobs/drain.js';
import { jobTable } from '../jobs/list.js';
import { repeat } from '../live.js';
import { JOB_STATES } from '../terms.js';
import { button, card, empty, errorBox, figure, filterForm, link, pageHeader, pager, tenantField } from '../ui.js';

const strings = {
  en: {
    'jobs.now': 'Now', 'jobs.ended': 'Ended in the last 24 hours', 'jobs.any': 'any',
    'jobs.stuckOnly': 'Only stuck ones', 'jobs.text': 'Text', 'jobs.textHint': 'file, id, trace, error',
    'jobs.count.queued': 'Queued', 'jobs.count.running': 'Running', 'jobs.count.stuck': 'Stuck', 'jobs.count.failed': 'Failed',
    'jobs.count.skipped': 'Skipped', 'jobs.count.cancelled': 'Cancelled', 'jobs.count.succeeded': 'Succeeded',
    'jobs.cancelChosen': 'Cancel selected ({n})', 'jobs.retryChosen': 'Retry selected ({n})',
    'jobs.cancelAll': 'Cancel all: {state}', 'jobs.retryAll': 'Retry all: {state}', 'jobs.working': '{n} done so far…',
    'jobs.selectPage': 'Select all on this page', 'jobs.selectNone': 'Select none',
    'jobs.none': 'There are no jobs. Every uploaded invoice becomes one.', 'jobs.noneUpload': 'Upload an invoice',
    'jobs.noneFound': 'No job matches these filters. Take one away, or clear them all.',
    'jobs.noneYet': 'Not found among the newest jobs; the next page looks among older ones.',
    'jobs.stale': 'The counts cannot be had at the moment; they are tried again.',
    'jobs.viewer': 'Your role may look but not cancel or retry.',
  },
  tr: {
    'jobs.now': 'Şu anda', 'jobs.ended': 'Son 24 saatte bitenler', 'jobs.any': 'hepsi',
    'jobs.stuckOnly': 'Yalnızca takılanlar', 'jobs.text': 'Metin', 'jobs.textHint': 'dosya, kimlik, trace, hata',
    'jobs.count.queued': 'Kuyrukta', 'jobs.count.running': 'İşleniyor', 'jobs.count.stuck': 'Takılan', 'jobs.count.failed': 'Başarısız',
    'jobs.count.skipped': 'Atlanan', 'jobs.count.cancelled': 'İptal edilen', 'jobs.count.succeeded': 'Tamamlanan',
    'jobs.cancelChosen': 'Seçilenleri iptal et ({n})', 'jobs.retryChosen': 'Seçilenleri yeniden dene ({n})',
    'jobs.cancelAll': 'Hepsini iptal et: {state}', 'jobs.retryAll': 'Hepsini yeniden dene: {state}', 'jobs.working': 'Şimdiye dek {n} iş…',
    'jobs.selectPage': 'Bu sayfadakileri seç', 'jobs.selectNone': 'Seçimi kaldır',
    'jobs.none': 'Hiç iş yok. Yüklenen her fatura bir iş olur.', 'jobs.noneUpload': 'Fatura yükle',
    'jobs.noneFound': 'Bu filtrelere uyan iş yok. Bir filtreyi kaldırın ya da hepsini temizleyin.',
    'jobs.noneYet': 'En yeni işler arasında bulunamadı; sonraki sayfa daha eskilere bakar.',
    'jobs.stale': 'Sayılar şu anda alınamıyor; yeniden deneniyor.',
    'jobs.viewer': 'Rolünüz görüntülemeye izin verir; iptal etmeye ve yeniden denemeye değil.',
  },
};

const PATH = '/admin/jobs';
const FILTERS = ['tenant_id', 'status', 'stuck', 'q'];
const isFiltered = (query) => FILTERS.some((name) => query[name]);
const COUNTS_MS = 1500;
const LIST_MS = 5000;
const NOW = { queued: { status: 'QUEUED' }, running: { status: 'RUNNING' }, stuck: { stuck: 'true' } };
const ENDED = { succeeded: { status: 'SUCCEEDED' }, failed: { status: 'FAILED' }, skipped: { status: 'SKIPPED' }, cancelled: { status: 'CANCELLED' } };

function countsView(counts, tenant) {
  const one = ([name, filter]) => h('a', { class: 'mz-count', href: urlWith(PATH, { tenant_id: tenant, ...filter }) },
    figure(t(`jobs.count.${name}`), name === 'succeeded' && counts.succeeded_is_minimum ? `≥ ${number(counts[name])}` : counts[name]));
  const group = (label, of) => h('div', { role: 'group', 'aria-label': t(label) },
    h('h2', { class: 'mz-group-title' }, t(label)), h('div', { class: 'mz-counts' }, Object.entries(of).map(one)));
  return h('div', { class: 'mz-count-groups' }, group('jobs.now', NOW), group('jobs.ended', ENDED));
}

function filters(session, query, navigate) {
  return folded(filterForm({
    query,
    onChange: (chosen) => navigate(urlWith(PATH, chosen)),
    fields: [
      tenantField(session, { all: true }),
      { name: 'status', label: t('jobs.state'), type: 'select', options: [['', t('jobs.any')], ...JOB_STATES.map((s) => [s, t(`job.${s}`)])] },
      { name: 'q', label: t('jobs.text'), type: 'search', maxlength: 200, placeholder: t('jobs.textHint') },
      { name: 'stuck', label: t('jobs.stuckOnly'), type: 'checkbox' },
    ],
  }), isFiltered(query));
}

function nothing(query, nextCursor) {
  if (nextCursor) return empty(t('jobs.noneYet'));
  return isFiltered(query) ? empty(t('jobs.noneFound')) : empty(t('jobs.none'), link('/admin/upload', t('jobs.noneUpload')));
}

/* By tenant: another filter does not begin the measuring anew. */
const drains = new Map();

function drainOf(tenant) {
  if (!drains.has(tenant)) drains.set(tenant, new Drain());
  return drains.get(tenant);
}

async function render(root, { query, session, signal, navigate }) {
  const may = session.role !== 'viewer';
  const tenant = query.tenant_id ?? '';
  const chosen = new Map(); // id → job
  const drain = drainOf(tenant);
  const places = { counts: h('div', null), drain: h('div', { 'aria-live': 'off' }), result: h('div', null), bulk: h('div', { class: 'mz-buttons mz-bulk' }), list: h('div', null) };
  let page, counts, listedAt, listedFor;

  const changed = () => JSON.stringify(counts) !== listedFor;

  async function loadList() {
    page = await get(PATH, query, { signal });
    listedAt = Date.now();
    listedFor = JSON.stringify(counts);
    for (const id of chosen.keys()) {
      const job = page.jobs.find((each) => each.id === id);
      if (job && verbFor(job.status)) chosen.set(id, job);
      else chosen.delete(id);
    }
  }

  async function loadCounts() {
    counts = await get(`${PATH}/counts`, { tenant_id: tenant }, { signal });
    drain.add(counts.queued + counts.running, Date.now());
  }

  function drawCounts() {
    replace(places.counts, countsView(counts, tenant));
    drawDrain(places.drain, drain, counts.queued - counts.due);
  }

  /* Drawn anew under the reader's hands: the focus stays where it was. */
  function drawList() {
    const focused = document.activeElement?.id;
    replace(places.list, page.jobs.length === 0 ? nothing(query, page.next_cursor)
      : jobTable({ jobs: page.jobs, chosen, onChoose: choose, onChange: may ? changeOne : null }),
    pager({ path: PATH, query, nextCursor: page.next_cursor }));
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
    drawBulk();
  }

  function drawBulk() {
    if (!may) return;
    const changeable = page.jobs.filter((job) => verbFor(job.status));
    const all = verbFor(query.status ?? '');
    const plainState = all && !query.stuck && !query.q && page.jobs.length > 0;
    replace(places.bulk,
      changeable.length > 0 && button(t(chosen.size > 0 ? 'jobs.selectNone' : 'jobs.selectPage'), () => {
        if (chosen.size > 0) chosen.clear();
        else changeable.forEach((job) => chosen.set(job.id, job));
        drawList();
      }, 'outline-secondary', { id: 'choose-page' }),
      VERBS.map((verb) => {
        const ids = [...chosen.values()].filter((job) => mayChange(verb, job.status)).map((job) => job.id);
        return ids.length > 0 && button(t(`jobs.${verb}Chosen`, { n: ids.length }), () => changeChosen(verb, ids),
          verb === 'cancel' ? 'danger' : 'primary', { id: `${verb}-chosen` });
      }),
      plainState && button(t(`jobs.${all}All`, { state: t(`job.${query.status}`) }), () => changeEvery(all), 'outline-secondary', { id: 'change-all' }));
  }

  function choose(job, on) {
    if (on) chosen.set(job.id, job);
    else chosen.delete(job.id);
    drawBulk();
  }

  /* Does it, says what came of it, and shows the jobs as they are then. */
  async function perform(verb, action) {
    try {
      replace(places.result, resultNotice(verb, await action()));
      chosen.clear();
      drain.restart();
      await Promise.all([loadCounts(), loadList()]);
      if (signal.aborted) return;
      drawCounts();
      drawList();
    } catch (error) {
      if (!signal.aborted) replace(places.result, errorBox(error));
    }
  }

  async function changeOne(verb, job) {
    if (verb === 'cancel' && !await sure(verb, 1)) return;
    await perform(verb, async () => {
      try {
        await send('POST', `${PATH}/${job.id}/${verb}`);
        return { done: [job.id], refused: [], remaining: 0 };
      } catch (error) {
        if (error.status !== 409 && error.status !== 404) throw error;
        return { done: [], refused: [{ id: job.id, code: error.code }], remaining: 0 };
      }
    });
  }

  async function changeChosen(verb, ids) {
    if (await sure(verb, ids.length)) await perform(verb, () => changeIds(verb, ids));
  }

  async function changeEvery(verb) {
    const n = counts[query.status.toLowerCase()];
    const where = tenant || session.tenant_id ? t('change.theTenant', { tenant: tenant || session.tenant_id }) : t('change.everyTenant');
    const note = t(verb === 'cancel' ? 'change.allNow' : 'change.allDay', { n, tenant: where });
    const title = t(`change.${verb}.all`, { state: t(`job.${query.status}`) });
    if (!await sure(verb, null, { title, note })) return;
    await perform(verb, () => changeAll(verb, tenant, query.status,
      (result) => replace(places.result, h('p', { role: 'status' }, t('jobs.working', { n: result.done.length })))));
  }

  async function tick() {
    try {
      await loadCounts();
      drawCounts();
      if (changed() && Date.now() - listedAt >= LIST_MS && !document.querySelector('dialog[open]')) {
        await loadList();
        drawList();
      }
    } catch (error) {
      if (!signal.aborted && error.status !== 401) replace(places.drain, h('p', { class: 'mz-soft' }, t('jobs.stale')));
    }
  }

  await loadCounts();
  await loadList();
  drawCounts();
  drawList();
  replace(root, pageHeader(t('page.jobs')),
    card(null, places.counts, places.drain),
    filters(session, query, navigate),
    may ? places.bulk : h('p', { class: 'mz-note' }, t('jobs.viewer')),
    places.result, places.list);
  repeat(tick, { everyMs: COUNTS_MS, signal });
}

export default { title: 'page.jobs', strings, render };
