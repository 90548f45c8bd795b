/* Invoices by hand: dropped or chosen, sent a few at a time, each with its result. */
import { get, upload } from '../api.js';
import { h, replace } from '../dom.js';
import { errorWords } from '../errors.js';
import { bytes, duration, money, percent } from '../format.js';
import { t } from '../i18n.js';
import { jobError } from '../jobs/errors.js';
import { repeat } from '../live.js';
import { jobBadge, outcomeBadge, severityBadge, skippedSentence, stranger } from '../terms.js';
import { button, card, link, pageHeader, tenantSelect } from '../ui.js';

const strings = {
  en: {
    'upload.drop': 'Drop invoices here, or', 'upload.choose': 'Choose files',
    'upload.formats': 'PDF, PNG, JPEG or WebP, up to {size} each, several at once.',
    'upload.into': 'They go into the tenant above and are processed like a client’s.',
    'upload.results': 'This visit’s uploads', 'upload.waiting': 'Waiting', 'upload.sending': 'Sending', 'upload.processing': 'Processing…',
    'upload.duplicate': 'Received before: this is the earlier result.', 'upload.job': 'Job', 'upload.incident': 'Incident',
    'upload.noIncident': 'No incident', 'upload.again': 'Try again', 'upload.difference': 'difference {delta}',
    'upload.empty': 'The file is empty.', 'upload.tooLarge': 'The file has {size}; at most {limit} are allowed.',
    'upload.unsupported': 'This is none of PDF, PNG, JPEG or WebP.',
    'upload.pilotOff': 'The pilot is switched off: this tenant takes no invoices at present.',
    'upload.pilotLink': 'Go to the pilot’s switch',
    'upload.limited': 'This hour’s limit of invoices is used up. Try again in {time}.',
    'upload.viewer': 'Your role may look but not upload: that takes an operator’s key.',
  },
  tr: {
    'upload.drop': 'Faturaları buraya bırakın veya', 'upload.choose': 'Dosya seçin',
    'upload.formats': 'PDF, PNG, JPEG veya WebP; her biri en çok {size}; birkaçı birden olabilir.',
    'upload.into': 'Yukarıdaki tenant’a gider, bir istemciden gelmiş gibi işlenir.',
    'upload.results': 'Bu ziyarette yüklenenler', 'upload.waiting': 'Bekliyor', 'upload.sending': 'Gönderiliyor', 'upload.processing': 'İşleniyor…',
    'upload.duplicate': 'Daha önce alınmış: bu, önceki sonuç.', 'upload.job': 'İş', 'upload.incident': 'Olay',
    'upload.noIncident': 'Olay yok', 'upload.again': 'Yeniden dene', 'upload.difference': 'fark {delta}',
    'upload.empty': 'Dosya boş.', 'upload.tooLarge': 'Dosya {size}; en çok {limit} olabilir.',
    'upload.unsupported': 'Bu dosya PDF, PNG, JPEG veya WebP değil.',
    'upload.pilotOff': 'Pilot kapalı: bu tenant şu anda fatura almıyor.',
    'upload.pilotLink': 'Pilot anahtarına git',
    'upload.limited': 'Bu saatin fatura limiti doldu. {time} sonra yeniden deneyin.',
    'upload.viewer': 'Rolünüz görüntülemeye izin verir, yüklemeye değil: bunun için operatör anahtarı gerekir.',
  },
};

const AT_ONCE = 3;
const LIVE_MS = 1000;
/* The same file will be refused again. */
const HOPELESS = ['file_too_large', 'unsupported_file_type', 'empty_file'];
const isLive = (job) => ['QUEUED', 'RUNNING'].includes(job.status);

function problemView(error, file, session) {
  const size = bytes(file.size);
  const texts = {
    pilot_disabled: () => [t('upload.pilotOff'), ' ', link('/admin/pilot', t('upload.pilotLink'))],
    file_too_large: () => t('upload.tooLarge', { size, limit: bytes(session.max_upload_bytes) }),
    unsupported_file_type: () => t('upload.unsupported'),
    empty_file: () => t('upload.empty'),
    pilot_rate_limited: () => t('upload.limited', { time: duration((error.retryAfter ?? 60) * 1000) }),
  };
  return h('div', { role: 'alert' }, h('span', { class: 'mz-symbol', 'aria-hidden': 'true' }, '✕ '), texts[error.code]?.() ?? errorWords(error));
}

function resultView(job) {
  const currency = job.extraction?.currency.value;
  return [
    h('div', { class: 'mz-badges' }, jobBadge(job), ' ', job.audit && outcomeBadge(job.audit.outcome), ' ', job.audit && severityBadge(job.audit.severity),
      job.audit?.outcome === 'mismatch' && ` ${t('upload.difference', { delta: money(job.audit.delta, currency) })}`),
    job.error && h('div', null, jobError(job.error.code)),
    job.incident_skipped && h('div', null, `⚠ ${skippedSentence(job.incident_skipped)}`),
    job.duplicate && h('div', { class: 'mz-soft' }, `↻ ${t('upload.duplicate')}`),
    h('div', { class: 'mz-links' },
      job.incident ? link(`/admin/incidents/${job.incident.id}`, `→ ${t('upload.incident')}`) : job.audit && h('span', { class: 'mz-soft' }, t('upload.noIncident')),
      link(`/admin/jobs/${job.job_id}`, `→ ${t('upload.job')}`)),
  ];
}

/* Uploads of this visit; they go on, and are still listed, when the page is left and come back to. */
const items = [];
let running = 0;
const listeners = new Set();
const changed = (item) => listeners.forEach((listener) => listener(item));

function next(session) {
  while (running < AT_ONCE) {
    const item = items.findLast((each) => each.state === 'waiting');
    if (!item) return;
    running += 1;
    item.state = 'sending';
    start(item, session).finally(() => {
      running -= 1;
      next(session);
    });
  }
}

async function start(item, session) {
  changed(item);
  try {
    if (item.file.size > session.max_upload_bytes) throw Object.assign(new Error(), { status: 413, code: 'file_too_large' });
    item.job = await upload('/admin/upload', item.file, { query: { tenant_id: item.tenant },
      onProgress: (share) => {
        item.share = share;
        if (share === 1) item.state = 'processing';
        changed(item);
      } });
    item.state = 'done';
    if (isLive(item.job)) follow(item);
  } catch (error) {
    Object.assign(item, { state: 'failed', error });
  }
  changed(item);
}

/* The answer came before the result: ask until it is there. */
function follow(item) {
  const { duplicate } = item.job;
  const ended = new AbortController();
  repeat(async () => {
    const job = await get(`/admin/jobs/${item.job.job_id}`).catch(() => null);
    if (job === null) return;
    item.job = { ...job, duplicate };
    if (!isLive(job)) ended.abort();
    changed(item);
  }, { everyMs: LIVE_MS, signal: ended.signal });
}

function itemBody(item, session) {
  switch (item.state) {
    case 'waiting':
      return h('div', { class: 'mz-soft' }, t('upload.waiting'));
    case 'sending':
    case 'processing':
      return h('div', null,
        h('progress', { max: 1, value: item.state === 'sending' ? item.share : null, 'aria-label': t('upload.sending') }),
        h('div', { class: 'mz-note' }, item.state === 'sending' ? `${t('upload.sending')} ${percent(item.share, 0)}` : t('upload.processing')));
    case 'failed':
      return [problemView(item.error, item.file, session),
        !HOPELESS.includes(item.error.code) && h('div', { class: 'mz-buttons' }, button(t('upload.again'), () => {
          Object.assign(item, { state: 'waiting', share: 0 });
          changed(item);
          next(session);
        }, 'sm btn-outline-secondary'))];
    default:
      return resultView(item.job);
  }
}

function itemView(item, session) {
  const body = h('div', { class: 'mz-upload-body' });
  const node = h('li', { class: 'mz-upload' },
    h('div', null, stranger(item.file.name, { fold: 80 }), h('div', { class: 'mz-note' }, `${bytes(item.file.size)} · ${item.tenant}`)), body);
  const draw = () => replace(body, itemBody(item, session));
  draw();
  return { node, draw };
}

function dropZone(onFiles) {
  const input = h('input', { type: 'file', id: 'upload-files', class: 'visually-hidden', multiple: true,
    accept: '.pdf,.png,.jpg,.jpeg,.webp,application/pdf,image/png,image/jpeg,image/webp',
    on: { change: () => {
      onFiles([...input.files]);
      input.value = '';
    } } });
  const zone = h('div', { class: 'mz-drop' }, h('p', null, t('upload.drop')), input,
    h('label', { class: 'btn btn-primary', for: 'upload-files' }, t('upload.choose')));
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle('mz-drop-over', on);
  };
  zone.addEventListener('dragover', over(true));
  zone.addEventListener('dragleave', over(false));
  zone.addEventListener('drop', (event) => {
    over(false)(event);
    onFiles([...event.dataTransfer.files]);
  });
  return zone;
}

async function render(root, { query, session, signal, navigate }) {
  const tenant = query.tenant_id ?? session.tenant_id ?? session.pilot_tenant_id;
  if (session.role === 'viewer') {
    replace(root, pageHeader(t('page.upload')), h('p', null, t('upload.viewer')));
    return;
  }
  const views = new Map();
  const list = h('ul', { class: 'mz-uploads' });
  const results = card(t('upload.results'), list);

  function show(item) {
    if (!views.has(item)) {
      views.set(item, itemView(item, session));
      list.prepend(views.get(item).node);
    }
    views.get(item).draw();
    results.hidden = false;
  }

  function add(files) {
    for (const file of files) {
      const item = { file, tenant, state: 'waiting', share: 0, job: null, error: null };
      items.unshift(item);
      show(item);
    }
    next(session);
  }

  results.hidden = items.length === 0;
  items.toReversed().forEach(show);
  listeners.add(show);
  signal.addEventListener('abort', () => listeners.delete(show));
  // A file dropped beside the zone would otherwise take the place of the page.
  for (const event of ['dragover', 'drop']) window.addEventListener(event, (e) => e.preventDefault(), { signal });
  replace(root, pageHeader(t('page.upload'),
    tenantSelect({ session, value: tenant, onChange: (chosen) => navigate(`/admin/upload?tenant_id=${encodeURIComponent(chosen)}`) })),
  card(null, dropZone(add),
    h('p', { class: 'mz-note' }, t('upload.formats', { size: bytes(session.max_upload_bytes) }), ' ', t('upload.into'))),
  results);
}

export default { title: 'page.upload', strings, render };
