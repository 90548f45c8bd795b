/* Cancelling and retrying: which jobs it may be, and what is said before and after. */
import { send } from '../api.js';
import { h } from '../dom.js';
import { number } from '../format.js';
import { t, addStrings, known } from '../i18n.js';
import { confirmDialog, link } from '../ui.js';

addStrings({
  en: {
    'change.cancel': 'Cancel job', 'change.retry': 'Retry', 'change.keep': 'Leave as it is',
    'change.cancel.do.one': 'Cancel the job', 'change.cancel.do': 'Cancel {n} jobs', 'change.cancel.doAll': 'Cancel all',
    'change.retry.do.one': 'Retry the job', 'change.retry.do': 'Retry {n} jobs', 'change.retry.doAll': 'Retry all',
    'change.cancel.title.one': 'Cancel {n} job?', 'change.cancel.title': 'Cancel {n} jobs?',
    'change.retry.title.one': 'Retry {n} job?', 'change.retry.title': 'Retry {n} jobs?',
    'change.cancel.all': 'Cancel all jobs that are “{state}”?', 'change.retry.all': 'Retry all jobs that are “{state}”?',
    'change.cancel.text': 'They leave the queue, also those being worked on. Their documents stay; a retry brings them back.',
    'change.retry.text': 'They start anew and are read once more, which the provider is paid for.',
    'change.allNow': 'There are {n} of them now, in {tenant}.', 'change.allDay': 'In the last 24 hours there were {n} of them, in {tenant}; older ones are included.',
    'change.everyTenant': 'all tenants', 'change.theTenant': 'tenant {tenant}',
    'change.cancel.done.one': '{n} job cancelled.', 'change.cancel.done': '{n} jobs cancelled.',
    'change.retry.done.one': '{n} job queued again.', 'change.retry.done': '{n} jobs queued again.',
    'change.refused.one': '{n} job was left as it is:', 'change.refused': '{n} jobs were left as they are:',
    'change.remaining': '{n} more have come into that state meanwhile.',
    'change.why.job_ended': 'it has ended already', 'change.why.job_not_retryable': 'it is not in a state to retry',
    'change.why.document_expired': 'its document was kept for as long as it had to be; upload it again',
    'change.why.job_busy': 'it is just being written; try again', 'change.why.job_not_found': 'there is no such job any more',
  },
  tr: {
    'change.cancel': 'İşi iptal et', 'change.retry': 'Yeniden dene', 'change.keep': 'Olduğu gibi bırak',
    'change.cancel.do': '{n} işi iptal et', 'change.cancel.doAll': 'Hepsini iptal et',
    'change.retry.do': '{n} işi yeniden dene', 'change.retry.doAll': 'Hepsini yeniden dene',
    'change.cancel.title': '{n} iş iptal edilsin mi?', 'change.retry.title': '{n} iş yeniden denensin mi?',
    'change.cancel.all': '“{state}” durumundaki tüm işler iptal edilsin mi?', 'change.retry.all': '“{state}” durumundaki tüm işler yeniden denensin mi?',
    'change.cancel.text': 'Üzerinde çalışılanlar da kuyruktan çıkar. Belgeleri kalır; yeniden deneyince geri gelirler.',
    'change.retry.text': 'Baştan başlarlar ve belgeler bir kez daha okunur; sağlayıcı bunu ücretlendirir.',
    'change.allNow': 'Şu anda {n} tane var ({tenant}).', 'change.allDay': 'Son 24 saatte {n} tane oldu ({tenant}); daha eskileri de kapsanır.',
    'change.everyTenant': 'tüm tenant’lar', 'change.theTenant': 'tenant: {tenant}',
    'change.cancel.done': '{n} iş iptal edildi.', 'change.retry.done': '{n} iş yeniden kuyruğa alındı.',
    'change.refused': '{n} iş olduğu gibi bırakıldı:',
    'change.remaining': 'Bu arada bu duruma {n} iş daha geldi.',
    'change.why.job_ended': 'zaten bitmiş', 'change.why.job_not_retryable': 'yeniden denenecek bir durumda değil',
    'change.why.document_expired': 'belgesinin saklama süresi doldu; yeniden yükleyin',
    'change.why.job_busy': 'şu anda yazılıyor; yeniden deneyin', 'change.why.job_not_found': 'böyle bir iş artık yok',
  },
});

const FROM = { cancel: ['QUEUED', 'RUNNING'], retry: ['FAILED', 'SKIPPED', 'CANCELLED'] };
const AT_ONCE = 500;

export const VERBS = ['cancel', 'retry'];
export const mayChange = (verb, status) => FROM[verb].includes(status);
export const verbFor = (status) => VERBS.find((verb) => mayChange(verb, status)) ?? null;

/* Whether the reader is sure, before the page is left.  n: how many jobs, null: all in a state, which title then names. */
export async function sure(verb, n, { title = t(`change.${verb}.title`, { n }), note = '', signal }) {
  return await confirmDialog({
    title, signal, text: `${note} ${t(`change.${verb}.text`)}`.trim(), dismiss: t('change.keep'),
    action: n === null ? t(`change.${verb}.doAll`) : t(`change.${verb}.do`, { n }),
    kind: verb === 'cancel' ? 'danger' : 'primary' }) !== null;
}

const none = () => ({ done: [], refused: [], remaining: 0 });
const joined = (a, b) => ({ done: [...a.done, ...b.done], refused: [...a.refused, ...b.refused], remaining: b.remaining });

/* {done, refused, remaining} of one. */
export async function changeOne(verb, id) {
  try {
    await send('POST', `/admin/jobs/${id}/${verb}`);
    return { ...none(), done: [id] };
  } catch (error) {
    if (![404, 409, 410].includes(error.status)) throw error;
    return { ...none(), refused: [{ id, code: error.code }] };
  }
}

/* However many ids there are: {done, refused, remaining}. */
export async function changeIds(verb, ids) {
  let result = none();
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    result = joined(result, await send('POST', `/admin/jobs/${verb}`, { ids: ids.slice(i, i + AT_ONCE) }));
  }
  return result;
}

/*
 * All in a state, as many as there were when it began: a job that fails again is not retried for
 * ever.  tenant: '' for every one.  onProgress(result so far).
 */
export async function changeAll(verb, tenant, status, onProgress) {
  const body = tenant ? { tenant_id: tenant, status } : { status };
  let result = await send('POST', `/admin/jobs/${verb}`, body);
  const atFirst = result.done.length + result.remaining;
  let latest = result;
  while (result.remaining > 0 && latest.done.length > 0 && result.done.length < atFirst) {
    onProgress(result);
    latest = await send('POST', `/admin/jobs/${verb}`, body);
    result = joined(result, latest);
  }
  return result;
}

/* What became of it, with a reason for each that was refused. */
export function resultNotice(verb, result) {
  const why = (code) => (known(`change.why.${code}`) ? t(`change.why.${code}`) : code);
  const shown = result.refused.slice(0, 20);
  return h('div', { class: `mz-notice mz-${result.refused.length > 0 ? 'warn' : 'ok'}`, role: 'status' },
    h('p', { class: 'mb-0' }, t(`change.${verb}.done`, { n: result.done.length })),
    result.refused.length > 0 && [
      h('p', { class: 'mb-0' }, t('change.refused', { n: result.refused.length })),
      h('ul', { class: 'mb-0' }, shown.map(({ id, code }) => h('li', null, link(`/admin/jobs/${id}`, id.slice(0, 8)), `: ${why(code)}`)),
        result.refused.length > shown.length && h('li', null, `… +${number(result.refused.length - shown.length)}`))],
    result.remaining > 0 && h('p', { class: 'mb-0' }, t('change.remaining', { n: result.remaining })));
}
