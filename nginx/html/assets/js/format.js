/* Values as the reader's language writes them; what is not there is a dash. */
import { h } from './dom.js';
import { locale } from './i18n.js';

const NOTHING = '–';
const absent = (value) => value === null || value === undefined || value === '';

/* At most `digits` decimals. */
export function number(n, digits = 0) {
  return absent(n) ? NOTHING : new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(n);
}

/* 0.1533 → 15.33 % */
export function percent(rate, digits = 2) {
  if (absent(rate)) return NOTHING;
  return new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: digits }).format(rate);
}

/*
 * A decimal text, or a number of JSON (whose shortest text is exact up to 15 digits), digit by
 * digit: money is never rounded here.  Two decimals at least.
 */
export function money(amount, currency) {
  if (absent(amount)) return NOTHING;
  const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(amount));
  if (!found) return [String(amount), currency].filter(Boolean).join(' ');
  const parts = new Intl.NumberFormat(locale()).formatToParts(-1234567.5);
  const symbol = (type) => parts.find((part) => part.type === type)?.value ?? '';
  const whole = found[2].replace(/\B(?=(\d{3})+$)/g, symbol('group'));
  const text = (found[1] && symbol('minusSign')) + whole + symbol('decimal') + (found[3] ?? '').padEnd(2, '0');
  return currency ? `${text}\u00a0${currency}` : text;
}

function unit(value, name, digits = 0) {
  return new Intl.NumberFormat(locale(), { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits }).format(value);
}

export function bytes(n) {
  if (absent(n)) return NOTHING;
  if (n < 1000) return unit(n, 'byte');
  return n < 1e6 ? unit(n / 1e3, 'kilobyte', 1) : unit(n / 1e6, 'megabyte', 1);
}

/* Milliseconds, in the two largest units that matter. */
export function duration(ms) {
  if (absent(ms)) return NOTHING;
  if (ms < 1000) return unit(ms, 'millisecond');
  if (ms < 60_000) return unit(ms / 1000, 'second', 1);
  const seconds = Math.round(ms / 1000);
  const steps = [['day', 86400, 'hour', 3600], ['hour', 3600, 'minute', 60], ['minute', 60, 'second', 1]];
  const [large, largeSize, small, smallSize] = steps.find((step) => seconds >= step[1]);
  const rest = Math.floor((seconds % largeSize) / smallSize);
  const first = unit(Math.floor(seconds / largeSize), large);
  return rest === 0 ? first : `${first} ${unit(rest, small)}`;
}

/* A <time> in the browser's zone, with UTC on hover. */
export function timeElement(rfc3339, { seconds = false } = {}) {
  if (absent(rfc3339)) return h('span', null, NOTHING);
  const moment = new Date(rfc3339);
  const text = new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: seconds ? 'medium' : 'short' }).format(moment);
  const utc = `${rfc3339.slice(0, 10)} ${rfc3339.slice(11, 19)} UTC`;
  return h('time', { datetime: rfc3339, title: utc }, text);
}

const AGES = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]];

/* How long ago, in its largest unit: "3 hours ago". */
export function ago(rfc3339) {
  const ms = Math.max(0, Date.now() - new Date(rfc3339));
  const [name, size] = AGES.find((each) => ms >= each[1]) ?? ['second', 1000];
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(-Math.floor(ms / size), name);
}

const DAY_FORMS = {
  full: { dateStyle: 'medium' },
  weekday: { weekday: 'short', day: 'numeric', month: 'short' },
  short: { day: 'numeric', month: 'numeric' },
};

/* A calendar day, which is of no zone. */
export function dateText(yyyymmdd, form = 'full') {
  if (absent(yyyymmdd)) return NOTHING;
  return new Intl.DateTimeFormat(locale(), { ...DAY_FORMS[form], timeZone: 'UTC' }).format(new Date(`${yyyymmdd}T00:00:00Z`));
}
