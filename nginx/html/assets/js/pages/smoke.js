/* A built-in invoice through the whole pipeline, stage by stage. */
import { send } from '../api.js';
import { h, replace } from '../dom.js';
import { duration, timeElement } from '../format.js';
import { known, t } from '../i18n.js';
import { jobError } from '../jobs/errors.js';
import { serverText } from '../server_texts.js';
import { outcomeBadge } from '../terms.js';
import { badge, button, card, errorBox, link, pageHeader, tenantSelect } from '../ui.js';

const strings = {
  en: {
    'smoke.intro': 'Sends a built-in invoice through the whole pipeline with the real provider, and says how each stage went. It counts in no metric and no budget.',
    'smoke.run': 'Run', 'smoke.running': 'Running… {time}', 'smoke.runningNote': 'The stages report when the run is through, usually within seconds.',
    'smoke.passed': 'Passed', 'smoke.failed': 'Failed', 'smoke.results': 'Results of this visit', 'smoke.none': 'Nothing was run in this visit yet.',
    'smoke.job': 'Job', 'smoke.total': '{time} in all',
    'smoke.stage.accept': 'Accepted and stored', 'smoke.stage.queue': 'Taken from the queue by a worker',
    'smoke.stage.extract': 'Read by the provider', 'smoke.stage.audit': 'Audited', 'smoke.stage.store': 'Result stored',
    'smoke.ok': 'ok', 'smoke.stageFailed': 'failed', 'smoke.notReached': 'not reached', 'smoke.awaited': 'awaited',
    'smoke.notCalled': 'The provider is not called ({state}) until', 'smoke.error.smoke_timeout': 'It took too long.',
    'smoke.error.smoke_wrong_result': 'The result is not what the invoice says.', 'smoke.error.internal_error': 'The result could not be stored.',
    'smoke.viewer': 'Your role may look but not start a run: that takes an operator’s key.',
  },
  tr: {
    'smoke.intro': 'Yerleşik bir faturayı gerçek sağlayıcıyla tüm hattan geçirir ve her aşamanın nasıl gittiğini söyler. Hiçbir metriğe ve limite sayılmaz.',
    'smoke.run': 'Çalıştır', 'smoke.running': 'Çalışıyor… {time}', 'smoke.runningNote': 'Aşamalar, test bitince bildirilir; genellikle birkaç saniye sürer.',
    'smoke.passed': 'Geçti', 'smoke.failed': 'Kaldı', 'smoke.results': 'Bu ziyaretteki sonuçlar', 'smoke.none': 'Bu ziyarette henüz çalıştırılmadı.',
    'smoke.job': 'İş', 'smoke.total': 'toplam {time}',
    'smoke.stage.accept': 'Kabul edildi ve saklandı', 'smoke.stage.queue': 'Worker kuyruktan aldı',
    'smoke.stage.extract': 'Sağlayıcı okudu', 'smoke.stage.audit': 'Denetlendi', 'smoke.stage.store': 'Sonuç saklandı',
    'smoke.ok': 'tamam', 'smoke.stageFailed': 'başarısız', 'smoke.notReached': 'ulaşılmadı', 'smoke.awaited': 'bekleniyor',
    'smoke.notCalled': 'Sağlayıcı çağrılmıyor ({state}); bitiş:', 'smoke.error.smoke_timeout': 'Çok uzun sürdü.',
    'smoke.error.smoke_wrong_result': 'Sonuç, faturada yazandan farklı.', 'smoke.error.internal_error': 'Sonuç saklanamadı.',
    'smoke.viewer': 'Rolünüz görüntülemeye izin verir, test başlatmaya değil: bunun için operatör anahtarı gerekir.',
  },
};

const STAGES = ['accept', 'queue', 'extract', 'audit', 'store'];
const LOOKS = {
  ok: () => badge('ok', t('smoke.ok'), '✓'),
  failed: () => badge('alarm', t('smoke.stageFailed'), '✗'),
  not_reached: () => badge('muted', t('smoke.notReached'), '–'),
  awaited: () => badge('muted', t('smoke.awaited'), '…'),
};

/* Runs of this visit, newest first: {tenant, at, report} or {tenant, at, error}; both null while it runs. */
const runs = [];

const running = () => runs.find((run) => run.report === null && run.error === null);

/* "refusal: what the provider said; the provider is rate_limited until …", or one sentence of the server's. */
function detailView(detail) {
  const provider = /(?:^|; )the provider is ([a-z_]+) until (\S+)$/.exec(detail);
  const rest = provider === null ? detail : detail.slice(0, provider.index);
  const failure = /^([a-z_]+): ([^]*)$/.exec(rest);
  return [
    failure === null ? rest !== '' && serverText(rest) : [jobError(failure[1]), ' ', serverText(failure[2])],
    provider && [' ', t('smoke.notCalled', { state: provider[1] }), ' ', timeElement(provider[2], { seconds: true })]];
}

const errorWord = (code) => (known(`smoke.error.${code}`) ? t(`smoke.error.${code}`) : jobError(code));

function stageItem(stage) {
  return h('li', null,
    h('span', { class: 'mz-stage-name' }, STAGES.includes(stage.name) ? t(`smoke.stage.${stage.name}`) : stage.name),
    LOOKS[stage.status]?.() ?? stage.status,
    h('span', { class: 'mz-stage-time' }, stage.ms === null ? '' : duration(stage.ms)),
    stage.detail && h('span', { class: 'mz-stage-detail' }, detailView(stage.detail)));
}

function reportView(report) {
  const passed = report.status === 'passed';
  return [
    h('p', { class: 'mz-badges' }, badge(passed ? 'ok' : 'alarm', t(passed ? 'smoke.passed' : 'smoke.failed'), passed ? '✓' : '✗'),
      ' ', report.outcome && outcomeBadge(report.outcome), ' ', t('smoke.total', { time: duration(report.total_ms) })),
    h('ol', { class: 'mz-stages' }, report.stages.map(stageItem)),
    report.error && h('p', { role: 'alert' }, errorWord(report.error.code), ' ', h('code', { class: 'mz-note' }, report.error.code)),
    report.job_id && h('p', null, link(`/admin/jobs/${report.job_id}`, `→ ${t('smoke.job')}`)),
  ];
}

function runView(run) {
  const body = () => {
    if (run.error) return errorBox(run.error);
    return run.report ? reportView(run.report) : [
      h('progress', { 'aria-label': t('smoke.running', { time: '' }) }),
      h('ol', { class: 'mz-stages' }, STAGES.map((name) => stageItem({ name, status: 'awaited', ms: null, detail: null }))),
      h('p', { class: 'mz-note' }, t('smoke.runningNote'))];
  };
  return h('li', { class: 'mz-run' }, h('p', { class: 'mz-note' }, timeElement(run.at, { seconds: true }), ` · ${run.tenant}`), body());
}

async function render(root, { query, session, signal, navigate }) {
  const tenant = query.tenant_id ?? session.tenant_id ?? session.pilot_tenant_id;
  const list = h('ol', { class: 'mz-runs', 'aria-live': 'polite' });
  const start = button(t('smoke.run'), begin, 'primary', { id: 'smoke-run' });
  const results = card(t('smoke.results'), list);

  function draw() {
    const now = running();
    start.disabled = now !== undefined;
    replace(start, now ? t('smoke.running', { time: duration(Math.floor((Date.now() - Date.parse(now.at)) / 1000) * 1000) }) : t('smoke.run'));
  }

  function drawRuns() {
    replace(list, runs.length === 0 ? h('li', { class: 'mz-soft' }, t('smoke.none')) : runs.map(runView));
    draw();
  }

  async function begin() {
    const run = { tenant, at: new Date().toISOString(), report: null, error: null };
    runs.unshift(run);
    drawRuns();
    try {
      run.report = await send('POST', '/admin/smoke/run', undefined, { query: { tenant_id: tenant } });
    } catch (error) {
      run.error = error;
    }
    window.dispatchEvent(new Event('mizan:smoke'));
  }

  const timer = setInterval(draw, 1000);
  signal.addEventListener('abort', () => clearInterval(timer));
  window.addEventListener('mizan:smoke', drawRuns, { signal });
  drawRuns();
  replace(root, pageHeader(t('page.smoke'),
    tenantSelect({ session, value: tenant, onChange: (chosen) => navigate(`/admin/smoke?tenant_id=${encodeURIComponent(chosen)}`) })),
  card(null, h('p', null, t('smoke.intro')),
    session.role === 'viewer' ? h('p', { class: 'mz-note' }, t('smoke.viewer')) : start),
  results);
}

export default { title: 'page.smoke', strings, render };
