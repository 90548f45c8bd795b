/* How full the queue is and how quickly it empties, from the counts as they come in. */
import { h, replace } from '../dom.js';
import { duration, number } from '../format.js';
import { t, addStrings } from '../i18n.js';

addStrings({
  en: {
    'drain.label': 'Queue draining', 'drain.empty': 'The queue is empty.',
    'drain.depth.one': '{n} job to go', 'drain.depth': '{n} jobs to go', 'drain.rate': '{rate} jobs per minute',
    'drain.eta': 'about {time} left', 'drain.steady': 'not getting shorter at present',
    'drain.waiting': '{n} of them wait for another try',
  },
  tr: {
    'drain.label': 'Kuyruk boşalıyor', 'drain.empty': 'Kuyruk boş.',
    'drain.depth': '{n} iş kaldı', 'drain.rate': 'dakikada {rate} iş',
    'drain.eta': 'yaklaşık {time} kaldı', 'drain.steady': 'şu anda kısalmıyor',
    'drain.waiting': '{n} tanesi yeniden denenmeyi bekliyor',
  },
});

const WINDOW_MS = 30_000;
const TELLING_MS = 8_000; // what is shorter says little

/* Samples of the depth; the bar runs from the greatest since the queue was last empty. */
export class Drain {
  #samples = [];
  #greatest = 0;

  add(depth, now) {
    if (this.#samples.at(-1)?.depth === 0) this.#greatest = 0;
    this.#greatest = Math.max(this.#greatest, depth);
    this.#samples = [...this.#samples.filter((sample) => now - sample.now <= WINDOW_MS), { depth, now }];
  }

  /* What was cancelled or retried by hand is no part of the pace. */
  restart() { this.#samples = []; }

  get depth() { return this.#samples.at(-1)?.depth ?? 0; }

  get greatest() { return this.#greatest; }

  /* Jobs per millisecond by which it got shorter within the window; 0 or less where it did not, null before that can be told. */
  get rate() {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    return last.now - first.now < TELLING_MS ? null : (first.depth - last.depth) / (last.now - first.now);
  }
}

/* place is drawn anew with each sample. */
export function drawDrain(place, drain, waiting) {
  if (drain.depth === 0) {
    replace(place, h('div', { class: 'mz-drain' }, h('p', { class: 'mz-soft' }, `✓ ${t('drain.empty')}`)));
    return;
  }
  const words = [t('drain.depth', { n: drain.depth })];
  if (drain.rate > 0) {
    words.push(t('drain.rate', { rate: number(drain.rate * 60_000, drain.rate * 60_000 < 10 ? 1 : 0) }));
    words.push(t('drain.eta', { time: duration(Math.max(1000, drain.depth / drain.rate)) }));
  } else if (drain.rate !== null) {
    words.push(t('drain.steady'));
  }
  if (waiting > 0) words.push(t('drain.waiting', { n: waiting }));
  const text = words.join(' · ');
  replace(place, h('div', { class: 'mz-drain' },
    h('progress', { max: drain.greatest, value: drain.greatest - drain.depth, 'aria-label': t('drain.label') }, text),
    h('p', null, text)));
}
