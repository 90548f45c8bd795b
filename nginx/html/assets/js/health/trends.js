/* Three small charts over the days of the period, each with its figures as a table. */
import '/admin/assets/chart.js/chart.min.js'; // sets globalThis.Chart
import { h, replace } from '../dom.js';
import { dateText, duration, number, percent } from '../format.js';
import { t } from '../i18n.js';
import { card, table } from '../ui.js';

const CHARTS = [
  { key: 's1_rate', format: (value) => percent(value) },
  { key: 'p95_pipeline_total_ms', format: duration },
  { key: 'feedback_coverage', format: (value) => percent(value) },
];

/* {node, update(trend)}: made once, so that a refresh neither flickers nor moves the page. */
export function trends(signal) {
  const charts = CHARTS.map((chart) => trendCard(chart, signal));
  return {
    node: h('div', { class: 'mz-grid mz-narrow' }, charts.map((chart) => chart.node)),
    update: (trend) => charts.forEach((chart) => chart.update(trend)),
  };
}

function trendCard({ key, format }, signal) {
  const title = t(`health.trend_${key}`);
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const figures = h('div');
  const chart = new globalThis.Chart(canvas, settings(format));
  signal.addEventListener('abort', () => chart.destroy());
  return {
    node: card(title, h('div', { class: 'mz-chart' }, canvas),
      h('details', null, h('summary', null, t('health.as_table')), figures)),
    update(trend) {
      paint(chart);
      chart.data.labels = trend.map((day) => day.date);
      chart.data.datasets[0].data = trend.map((day) => day[key]);
      chart.update('none');
      replace(figures, table({
        caption: title, rows: trend, columns: [
          { title: t('health.day'), cell: (day) => dateText(day.date), header: true },
          { title, cell: (day) => format(day[key]), numeric: true },
          { title: t('health.total_invoices'), cell: (day) => number(day.total_invoices), numeric: true },
        ] }));
    },
  };
}

function settings(format) {
  return {
    type: 'line',
    data: { labels: [], datasets: [{ data: [], borderWidth: 2, pointRadius: 3, tension: 0, fill: false }] },
    options: {
      animation: false, maintainAspectRatio: false,
      interaction: { mode: 'index', intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: { displayColors: false, callbacks: {
          title: ([item]) => dateText(item.label, 'weekday'), label: (item) => format(item.parsed.y) } },
      },
      scales: {
        x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 12, callback(index) {
          return dateText(this.getLabelForValue(index), 'short');
        } } },
        y: { beginAtZero: true, ticks: { maxTicksLimit: 5, callback: (value) => format(value) } },
      },
    },
  };
}

/* The colours of the page, light or dark as it is now. */
function paint(chart) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [data] = chart.data.datasets;
  data.borderColor = colour('--mz-accent');
  data.backgroundColor = colour('--mz-accent');
  for (const scale of Object.values(chart.options.scales)) {
    scale.ticks.color = colour('--mz-soft');
    scale.grid.color = colour('--mz-line');
  }
}
