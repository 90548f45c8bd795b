/* The queue and what became of it, live; cancelling and retrying one, some or all. */
import { get, urlWith } from '../api.js';
import { h, replace } from '../dom.js';
import { keepFocus } from '../focus.js';
import { folded } from '../fold.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { VERBS, changeAll, changeIds, changeOne, mayChange, resultNotice, sure, verbFor } from '../jobs/change.js';
import { Drain, drawDrain } from '../jobs/drain.js';
import { jobTable } from '../jobs/list.js';
import { repeat } from '../live.js';
import { JOB_STATES } from '../terms.js';
import { button, card, empty, errorBox, figure, filterForm, link, pageHeader, pager, tenantField, withResults } from '../ui.js';

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
    'jobs.stuckOnly': 'Yalnızca takılanlar', 'jobs.text': 'Metin', 'jobs.textHint': 'dosya, ID, trace, hata',
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

/* {node, show(counts)}: drawn once, so that nobody's click or focus is lost to a figure that changes. */
function countsView(tenant) {
  const values = new Map();
  const one = ([name, filter]) => {
    const node = figure(t(`jobs.count.${name}`), '');
    values.set(name, node.querySelector('.mz-figure-value'));
    return h('a', { class: 'mz-tally', href: urlWith(PATH, { tenant_id: tenant, ...filter }) }, node);
  };
  const group = (label, of) => h('div', { role: 'group', 'aria-label': t(label) },
    h('h2', { class: 'mz-group-title' }, t(label)), h('div', { class: 'mz-tallies' }, Object.entries(of).map(one)));
  const node = h('div', { class: 'mz-tally-groups' }, group('jobs.now', NOW), group('jobs.ended', ENDED));
  const words = (name, counts) => (name === 'succeeded' && counts.succeeded_is_minimum ? '≥ ' : '') + number(counts[name]);
  return { node, show: (counts) => values.forEach((value, name) => replace(value, words(name, counts))) };
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

class Jobs {
  #chosen = new Map(); // id → job
  #places = { drain: h('div', null), result: h('div', null), bulk: h('div', { class: 'mz-buttons mz-bulk' }), list: h('div', null) };
  #at; // what render() gets
  #tenant;
  #may;
  #figures;
  #drain;
  #counts;
  #page;
  #listedAt;
  #listedFor; // the counts then

  constructor(at) {
    this.#at = at;
    this.#tenant = at.query.tenant_id ?? '';
    this.#may = at.session.role !== 'viewer';
    this.#figures = countsView(this.#tenant);
    this.#drain = drainOf(this.#tenant);
  }

  async open(root) {
    const { query, session, signal, navigate } = this.#at;
    const head = [pageHeader(t('page.jobs')), card(null, this.#figures.node, this.#places.drain), filters(session, query, navigate)];
    await withResults(root, head, async () => {
      await this.#loadCounts();
      this.#drawCounts();
      await this.#loadList();
      this.#drawList();
      repeat(() => this.#tick(), { everyMs: COUNTS_MS, signal });
      return [this.#may ? this.#places.bulk : h('p', { class: 'mz-note' }, t('jobs.viewer')), this.#places.result, this.#places.list];
    });
  }

  async #tick() {
    const { signal } = this.#at;
    try {
      await this.#loadCounts();
      this.#drawCounts();
      const due = this.#listedFor !== JSON.stringify(this.#counts) && Date.now() - this.#listedAt >= LIST_MS;
      if (!due || document.querySelector('dialog[open]')) return;
      await this.#loadList();
      this.#drawList();
    } catch (error) {
      if (!signal.aborted && error.status !== 401) replace(this.#places.drain, h('p', { class: 'mz-soft' }, t('jobs.stale')));
    }
  }

  async #loadCounts() {
    this.#counts = await get(`${PATH}/counts`, { tenant_id: this.#tenant }, { signal: this.#at.signal });
    this.#drain.add(this.#counts.queued + this.#counts.running, Date.now());
  }

  /* What was chosen stays so as long as it is on the page and something can be done about it. */
  async #loadList() {
    this.#page = await get(PATH, this.#at.query, { signal: this.#at.signal });
    this.#listedAt = Date.now();
    this.#listedFor = JSON.stringify(this.#counts);
    const listed = new Map(this.#page.jobs.filter((job) => verbFor(job.status)).map((job) => [job.id, job]));
    this.#chosen = new Map([...this.#chosen.keys()].filter((id) => listed.has(id)).map((id) => [id, listed.get(id)]));
  }

  #drawCounts() {
    this.#figures.show(this.#counts);
    drawDrain(this.#places.drain, this.#drain, this.#counts.queued - this.#counts.due);
  }

  #drawList() {
    const { jobs, next_cursor: nextCursor } = this.#page;
    const { query } = this.#at;
    keepFocus(() => {
      replace(this.#places.list,
        jobs.length === 0 ? nothing(query, nextCursor) : jobTable({ jobs, chosen: this.#chosen,
          onChoose: (job, on) => this.#choose(job, on), onChange: this.#may && ((verb, job) => this.#changeOne(verb, job)) }),
        pager({ path: PATH, query, nextCursor }));
      this.#drawBulk();
    });
  }

  #drawBulk() {
    if (!this.#may) return;
    keepFocus(() => replace(this.#places.bulk, this.#pageButton(), VERBS.map((verb) => this.#chosenButton(verb)), this.#allButton()));
  }

  #pageButton() {
    const changeable = this.#page.jobs.filter((job) => verbFor(job.status));
    const toggle = () => {
      this.#chosen = new Map(this.#chosen.size > 0 ? [] : changeable.map((job) => [job.id, job]));
      this.#drawList();
    };
    return changeable.length > 0
      && button(t(this.#chosen.size > 0 ? 'jobs.selectNone' : 'jobs.selectPage'), toggle, 'outline-secondary', { id: 'choose-page' });
  }

  #chosenButton(verb) {
    const ids = [...this.#chosen.values()].filter((job) => mayChange(verb, job.status)).map((job) => job.id);
    return ids.length > 0 && button(t(`jobs.${verb}Chosen`, { n: ids.length }), () => this.#changeChosen(verb, ids),
      verb === 'cancel' ? 'danger' : 'primary', { id: `${verb}-chosen` });
  }

  /* All in a state, which is all that the application can be asked for: so only where nothing else is filtered by. */
  #allButton() {
    const { status = '', stuck, q } = this.#at.query;
    const verb = verbFor(status);
    return verb && !stuck && !q && this.#page.jobs.length > 0
      && button(t(`jobs.${verb}All`, { state: t(`job.${status}`) }), () => this.#changeAll(verb), 'outline-secondary', { id: 'change-all' });
  }

  #choose(job, on) {
    if (on) this.#chosen.set(job.id, job);
    else this.#chosen.delete(job.id);
    this.#drawBulk();
  }

  /* Does it, says what came of it, and shows the jobs as they are then. */
  async #perform(verb, action) {
    const { signal } = this.#at;
    try {
      replace(this.#places.result, resultNotice(verb, await action()));
      this.#chosen.clear();
      this.#drain.restart();
      await this.#loadCounts();
      await this.#loadList();
      if (signal.aborted) return;
      this.#drawCounts();
      this.#drawList();
    } catch (error) {
      if (!signal.aborted) replace(this.#places.result, errorBox(error));
    }
  }

  async #changeOne(verb, job) {
    if (verb === 'retry' || await sure(verb, 1, { signal: this.#at.signal })) await this.#perform(verb, () => changeOne(verb, job.id));
  }

  async #changeChosen(verb, ids) {
    if (await sure(verb, ids.length, { signal: this.#at.signal })) await this.#perform(verb, () => changeIds(verb, ids));
  }

  async #changeAll(verb) {
    const { query: { status }, session, signal } = this.#at;
    const tenant = this.#tenant || session.tenant_id;
    const where = tenant ? t('change.theTenant', { tenant }) : t('change.everyTenant');
    const note = t(verb === 'cancel' ? 'change.allNow' : 'change.allDay', { n: this.#counts[status.toLowerCase()], tenant: where });
    const title = t(`change.${verb}.all`, { state: t(`job.${status}`) });
    const progress = (result) => replace(this.#places.result, h('p', { role: 'status' }, t('jobs.working', { n: result.done.length })));
    if (await sure(verb, null, { title, note, signal })) await this.#perform(verb, () => changeAll(verb, this.#tenant, status, progress));
  }
}

export default { title: 'page.jobs', strings, render: (root, at) => new Jobs(at).open(root) };
