/* The pilot's kill switch: on or off, who flipped it last, what it has used of this hour. */
import { get, send } from '../api.js';
import { h, replace } from '../dom.js';
import { errorText } from '../errors.js';
import { duration, timeElement } from '../format.js';
import { t } from '../i18n.js';
import { repeat } from '../live.js';
import { stranger } from '../terms.js';
import { badge, button, card, confirmDialog, facts, figure, link, meter, pageHeader, toast } from '../ui.js';

const REFRESH_MS = 5000;
const MAX_REASON = 500;

export default {
  title: 'page.pilot',
  strings: {
    en: {
      'pilot.on': 'The pilot is on',
      'pilot.off': 'The pilot is off',
      'pilot.on_text': 'Invoices of tenant {tenant} are accepted and processed.',
      'pilot.off_text': 'Uploads of tenant {tenant} are refused (403), its jobs in the queue are skipped. Other tenants are not touched, and the service stays ready.',
      'pilot.environment_off': 'PILOT_ENABLED is false in the environment: the switch below has no effect until that is changed and the processes are restarted.',
      'pilot.stop': 'Stop the pilot',
      'pilot.start': 'Start the pilot',
      'pilot.stop_title': 'Stop the pilot?',
      'pilot.start_title': 'Start the pilot?',
      'pilot.stop_text': 'From this second on its uploads are refused. You can start it again at any time.',
      'pilot.start_text': 'From this second on its uploads are accepted again. Skipped jobs stay skipped until somebody retries them.',
      'pilot.reason': 'Reason (goes into the audit log)',
      'pilot.stopped': 'The pilot is off.',
      'pilot.started': 'The pilot is on.',
      'pilot.read_only': 'Your key may look but not flip the switch.',
      'pilot.last_title': 'Last change of the switch',
      'pilot.changed_by': 'By',
      'pilot.changed_at': 'When',
      'pilot.why': 'Reason',
      'pilot.never': 'The switch was never flipped.',
      'pilot.history': 'All changes in the audit log',
      'pilot.budgets': 'Used in the last hour',
      'pilot.budget_invoices': 'Invoices',
      'pilot.budget_incidents': 'Incidents',
      'pilot.window': 'The hour slides ({window}): what is older no longer counts.',
      'pilot.full_invoices': 'The invoices are used up: further uploads are answered with 429 until the hour has moved on.',
      'pilot.full_incidents': 'The incidents are used up: invoices are processed, but further mismatches open no incident.',
      'pilot.skipped': 'Skipped in the last hour',
      'pilot.skipped_jobs': 'Jobs skipped',
      'pilot.skipped_budget': 'Incidents not opened: limit reached',
      'pilot.skipped_disabled': 'Incidents not opened: pilot off',
      'pilot.skipped_link': 'See the skipped jobs',
      'pilot.stale': 'The last refresh failed: {why}',
    },
    tr: {
      'pilot.on': 'Pilot açık',
      'pilot.off': 'Pilot kapalı',
      'pilot.on_text': '{tenant} tenant’ının faturaları kabul ediliyor ve işleniyor.',
      'pilot.off_text': '{tenant} tenant’ının yüklemeleri reddediliyor (403), kuyruktaki işleri atlanıyor. Diğer tenant’lar etkilenmez, hizmet hazır kalır.',
      'pilot.environment_off': 'Ortamda PILOT_ENABLED=false: bu değer değiştirilip süreçler yeniden başlatılana kadar aşağıdaki anahtarın etkisi yok.',
      'pilot.stop': 'Pilotu durdur',
      'pilot.start': 'Pilotu başlat',
      'pilot.stop_title': 'Pilot durdurulsun mu?',
      'pilot.start_title': 'Pilot başlatılsın mı?',
      'pilot.stop_text': 'Bu andan itibaren yüklemeler reddedilir. İstediğiniz zaman yeniden başlatabilirsiniz.',
      'pilot.start_text': 'Bu andan itibaren yüklemeler yeniden kabul edilir. Atlanan işler, biri yeniden deneyene kadar atlanmış kalır.',
      'pilot.reason': 'Gerekçe (denetim kaydına yazılır)',
      'pilot.stopped': 'Pilot kapatıldı.',
      'pilot.started': 'Pilot açıldı.',
      'pilot.read_only': 'Anahtarınız yalnızca görüntülemeye izin veriyor; pilot durdurma anahtarını değiştiremez.',
      'pilot.last_title': 'Pilot durdurma anahtarındaki son değişiklik',
      'pilot.changed_by': 'Kim',
      'pilot.changed_at': 'Ne zaman',
      'pilot.why': 'Gerekçe',
      'pilot.never': 'Anahtar hiç değiştirilmedi.',
      'pilot.history': 'Tüm değişiklikler denetim kaydında',
      'pilot.budgets': 'Son bir saatte kullanılan',
      'pilot.budget_invoices': 'Fatura',
      'pilot.budget_incidents': 'Olay',
      'pilot.window': 'Kayan bir saatlik pencere ({window}): daha eskiler sayılmaz.',
      'pilot.full_invoices': 'Fatura hakkı doldu: pencere ilerleyene kadar yeni yüklemeler 429 ile yanıtlanır.',
      'pilot.full_incidents': 'Olay hakkı doldu: faturalar işlenir, ancak yeni uyuşmazlıklar için olay açılmaz.',
      'pilot.skipped': 'Son bir saatte atlananlar',
      'pilot.skipped_jobs': 'Atlanan iş',
      'pilot.skipped_budget': 'Limit dolduğu için açılmayan olay',
      'pilot.skipped_disabled': 'Pilot kapalı olduğu için açılmayan olay',
      'pilot.skipped_link': 'Atlanan işleri göster',
      'pilot.stale': 'Son yenileme başarısız oldu: {why}',
    },
  },
  render,
};

async function render(root, { session, signal }) {
  const body = h('div');
  const status = h('p', { class: 'mz-soft', role: 'status' });
  replace(root, pageHeader(t('page.pilot')), body, status);
  let drawn = null;

  function draw(pilot) {
    replace(status);
    const what = JSON.stringify(pilot);
    if (what === drawn) return;
    drawn = what;
    const focused = document.activeElement?.id;
    replace(body, switchCard(pilot, session, () => flip(pilot)), h('div', { class: 'mz-grid mz-narrow' }, budgetCard(pilot), skippedCard(pilot), lastCard(pilot)));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  async function flip(pilot) {
    const stopping = pilot.switch_enabled;
    await confirmDialog({
      title: t(stopping ? 'pilot.stop_title' : 'pilot.start_title'), text: t(stopping ? 'pilot.stop_text' : 'pilot.start_text'),
      action: t(stopping ? 'pilot.stop' : 'pilot.start'), kind: stopping ? 'danger' : 'primary',
      fields: [{ name: 'reason', label: t('pilot.reason'), required: true, max: MAX_REASON }], signal,
      act: async ({ reason }) => {
        // A stop is always meant; a start, of the switch as it was when the question was asked.
        draw(await send('PUT', '/admin/pilot', { enabled: !stopping, reason }, { signal, ifMatch: stopping ? null : pilot.revision }));
        toast(t(stopping ? 'pilot.stopped' : 'pilot.started'));
      },
    });
  }

  draw(await get('/admin/pilot', null, { signal }));
  repeat(async () => {
    try {
      draw(await get('/admin/pilot', null, { signal }));
    } catch (error) {
      if (!signal.aborted) replace(status, t('pilot.stale', { why: errorText(error) }));
    }
  }, { everyMs: REFRESH_MS, signal });
}

function switchCard(pilot, session, flip) {
  const { enabled, switch_enabled: on, environment_enabled: allowed, tenant_id: tenant } = pilot;
  return h('section', { class: `mz-card mz-verdict mz-verdict-${enabled ? 'ok' : 'alarm'}`, 'aria-labelledby': 'pilot-state' },
    h('h2', { id: 'pilot-state' }, badge(enabled ? 'ok' : 'alarm', t(enabled ? 'pilot.on' : 'pilot.off'), enabled ? '●' : '■')),
    h('p', null, t(enabled ? 'pilot.on_text' : 'pilot.off_text', { tenant })),
    !allowed && h('p', { class: 'mz-notice mz-warn' }, t('pilot.environment_off')),
    session.role === 'viewer' ? h('p', { class: 'mz-soft' }, t('pilot.read_only'))
      : button(t(on ? 'pilot.stop' : 'pilot.start'), flip, on ? 'danger' : 'primary', { id: 'pilot-switch' }));
}

function budgetCard({ invoices, incidents }) {
  return card(t('pilot.budgets'),
    meter(t('pilot.budget_invoices'), invoices.used, invoices.limit),
    invoices.remaining === 0 && h('p', { class: 'mz-notice mz-warn' }, t('pilot.full_invoices')),
    meter(t('pilot.budget_incidents'), incidents.used, incidents.limit),
    incidents.remaining === 0 && h('p', { class: 'mz-notice mz-warn' }, t('pilot.full_incidents')),
    h('p', { class: 'mz-soft' }, t('pilot.window', { window: duration(invoices.window_seconds * 1000) })));
}

function skippedCard({ skipped, tenant_id: tenant }) {
  return card(t('pilot.skipped'),
    h('div', { class: 'mz-figures' },
      figure(t('pilot.skipped_jobs'), skipped.jobs),
      figure(t('pilot.skipped_budget'), skipped.incident_budget),
      figure(t('pilot.skipped_disabled'), skipped.pilot_disabled)),
    h('p', null, link(`/admin/jobs?tenant_id=${encodeURIComponent(tenant)}&status=SKIPPED`, t('pilot.skipped_link'))));
}

function lastCard(pilot) {
  // The switch as the schema's migration made it: nobody can have that name.
  const untouched = pilot.changed_by === 'migration';
  return card(t('pilot.last_title'),
    untouched ? h('p', null, t('pilot.never')) : facts([
      [t('pilot.changed_by'), h('bdi', null, pilot.changed_by)],
      [t('pilot.changed_at'), timeElement(pilot.changed_at, { seconds: true })],
      [t('pilot.why'), stranger(pilot.reason)],
    ]),
    h('p', null, link('/admin/audit-log?object=pilot', t('pilot.history'))));
}
