/*
 * Exact decimals: {coef: BigInt, scale: digits after the point}.  No amount of an invoice is ever
 * a binary float on its way from the server to the screen.
 */

/* null for what is no plain decimal ("1.234,56", "", null). */
export function parse(text) {
  const m = /^\s*([+-]?)(\d+)(?:\.(\d+))?\s*$/.exec(text ?? '');
  if (m === null)
    return null;
  const fraction = m[3] ?? '';
  const coef = BigInt(m[2] + fraction);
  return {coef: m[1] === '-' ? -coef : coef, scale: fraction.length};
}

export const zero = {coef: 0n, scale: 0};

function align(a, b) {
  const scale = Math.max(a.scale, b.scale);
  const at = d => d.coef * 10n ** BigInt(scale - d.scale);
  return [at(a), at(b), scale];
}

export function add(a, b) {
  const [x, y, scale] = align(a, b);
  return {coef: x + y, scale};
}

export const negate = a => ({coef: -a.coef, scale: a.scale});
export const subtract = (a, b) => add(a, negate(b));
export const multiply = (a, b) => ({coef: a.coef * b.coef, scale: a.scale + b.scale});
export const absolute = a => sign(a) < 0 ? negate(a) : a;
export const sign = a => a.coef > 0n ? 1 : a.coef < 0n ? -1 : 0;

/* Less than 0, 0, or more than 0: as a is less than, equal to, or more than b. */
export function compare(a, b) {
  const [x, y] = align(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/* Half away from zero, as the server does. */
export function round(a, digits) {
  if (a.scale <= digits)
    return a;
  const unit = 10n ** BigInt(a.scale - digits);
  const size = a.coef < 0n ? -a.coef : a.coef;
  const rounded = (size * 2n + unit) / (unit * 2n);
  return {coef: a.coef < 0n ? -rounded : rounded, scale: digits};
}

/* a / b to so many digits, half away from zero; b is not 0. */
export function divide(a, b, digits) {
  const [x, y] = align(a, b);
  const size = n => n < 0n ? -n : n;
  const rounded = (size(x) * 10n ** BigInt(digits) * 2n + size(y)) / (size(y) * 2n);
  return {coef: (x < 0n) === (y < 0n) ? rounded : -rounded, scale: digits};
}

/* With a point and, where the value has fewer, at least so many digits after it. */
export function text(a, digits = 0) {
  const scale = Math.max(a.scale, digits);
  const size = (a.coef < 0n ? -a.coef : a.coef) * 10n ** BigInt(scale - a.scale);
  const s = size.toString().padStart(scale + 1, '0');
  const whole = s.slice(0, s.length - scale);
  return (a.coef < 0n ? '-' : '') + (scale > 0 ? `${whole}.${s.slice(-scale)}` : whole);
}
