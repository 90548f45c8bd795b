/*
 * The two totals of an invoice as steps that a person can follow: what lib/invoice/totals.c adds
 * up, in the same order and with the same stand-ins.  The server's figures stay the ones that
 * count; the page says so when these steps do not lead to them.
 */
import { parse, zero, add, subtract, negate, multiply, absolute, round, compare, divide, sign } from './decimal.js';

const MINOR_UNIT_DIGITS = 2;
const valueOf = field => parse(field?.value);
const sum = list => list.reduce(add, zero);
const addUp = steps => round(sum(steps.map(s => s.sign < 0 ? negate(s.value) : s.value)), MINOR_UNIT_DIGITS);

/* null: the line has an amount that is missing; undefined: a remark, without figures. */
function lineAmount(line) {
  if (line.net_amount === null && line.quantity === null && line.unit_price === null)
    return undefined;
  const net = parse(line.net_amount);
  if (net !== null)
    return net;
  const quantity = parse(line.quantity), price = parse(line.unit_price);
  return quantity !== null && price !== null
    ? round(multiply(quantity, price), MINOR_UNIT_DIGITS) : null;
}

function sumLines(lines) {
  const amounts = lines.map(lineAmount).filter(a => a !== undefined);
  return amounts.length > 0 && !amounts.includes(null)
    ? {value: sum(amounts), count: amounts.length} : null;
}

/* A deduction without the minus that only says "less" on a document of this sign. */
const deduction = (d, documentSign) => documentSign * sign(d) < 0 ? negate(d) : d;

function documentSign(x, lines) {
  const base = lines?.value ?? valueOf(x.line_total) ?? valueOf(x.tax_exclusive_amount);
  return base === null ? 0 : sign(base);
}

/*
 * {base: 'lines'|'line_total'|'tax_exclusive'|null, steps: [{name, sign, value, count?}], computed}.
 * The steps' values, with their signs, add up to computed; null when nothing can be added up.
 */
function computedSteps(x, lines, documentSign) {
  const parts = list => sum(list.map(p => parse(p.amount) ?? zero));
  const taxes = x.taxes.filter(tax => !tax.withheld);
  const steps = [];
  let base = null;
  if (lines !== null || valueOf(x.line_total) !== null) {
    base = lines !== null ? 'lines' : 'line_total';
    steps.push({name: base, sign: 1, value: lines?.value ?? valueOf(x.line_total),
      count: lines?.count});
    steps.push({name: 'allowances', sign: -1, count: x.allowances.length,
      value: deduction(parts(x.allowances), documentSign)});
    steps.push({name: 'charges', sign: 1, value: parts(x.charges), count: x.charges.length});
  } else if (valueOf(x.tax_exclusive_amount) !== null) {
    base = 'tax_exclusive';
    steps.push({name: base, sign: 1, value: valueOf(x.tax_exclusive_amount)});
  } else {
    return {base, steps, computed: null};
  }
  if (taxes.length > 0)
    steps.push({name: 'taxes', sign: 1, value: parts(taxes), count: taxes.length});
  else
    steps.push({name: 'tax_total', sign: 1, value: valueOf(x.tax_total) ?? zero});
  return {base, steps, computed: addUp(steps)};
}

/* Likewise for the total that the document states, which may have to be put together. */
function statedSteps(x, documentSign) {
  const inclusive = valueOf(x.tax_inclusive_amount);
  if (inclusive !== null)
    return {steps: [{name: 'tax_inclusive', sign: 1, value: inclusive}],
      stated: round(inclusive, MINOR_UNIT_DIGITS)};
  const payable = valueOf(x.payable_amount);
  if (payable === null)
    return {steps: [], stated: null};
  const withheldTaxes = sum(x.taxes.filter(tax => tax.withheld).map(tax => parse(tax.amount) ?? zero));
  const withheld = deduction(x.withholding_total.value !== null
    ? valueOf(x.withholding_total) ?? zero : withheldTaxes, documentSign);
  const steps = [{name: 'payable', sign: 1, value: payable}];
  const also = (name, stepSign, value) => {
    if (sign(value) !== 0)
      steps.push({name, sign: stepSign, value});
  };
  also('prepaid', 1, deduction(valueOf(x.prepaid_amount) ?? zero, documentSign));
  also('rounding', -1, valueOf(x.rounding_amount) ?? zero);
  also('withheld', 1, withheld);
  return {steps, stated: addUp(steps)};
}

/* Everything of it; delta and ratio are null unless both totals are there. */
export function totalsOf(extraction) {
  const lines = sumLines(extraction.lines);
  const direction = documentSign(extraction, lines);
  const {base, steps, computed} = computedSteps(extraction, lines, direction);
  const {steps: statedFrom, stated} = statedSteps(extraction, direction);
  if (computed === null || stated === null)
    return {base, steps, computed, statedFrom, stated, delta: null, ratio: null};
  const delta = absolute(subtract(stated, computed));
  const smallest = {coef: 1n, scale: 2};
  const denominator = compare(absolute(stated), smallest) < 0 ? smallest : absolute(stated);
  return {base, steps, computed, statedFrom, stated, delta, denominator,
    ratio: divide(delta, denominator, 4)};
}

/* delta / denominator with as many digits, at least four, as tell it from the limit. */
function ratioBeside({delta, denominator}, limit) {
  const side = compare(delta, multiply(limit, denominator));
  let ratio = divide(delta, denominator, 4);
  for (let digits = 6; digits <= 20 && compare(ratio, limit) !== side; digits += 2)
    ratio = divide(delta, denominator, digits);
  return ratio;
}

/*
 * Which rules of the audit the difference meets, under the thresholds of GET /admin/config:
 * [{name, met, left, right}], decided exactly, by cross multiplication.
 */
export function rulesOf(totals, thresholds) {
  const limit = name => parse(String(thresholds[name]));
  const byRatio = name => ({name, left: ratioBeside(totals, limit(name)), right: limit(name), kind: 'ratio',
    met: compare(totals.delta, multiply(limit(name), totals.denominator)) >= 0});
  const byAmount = name => ({name, left: totals.delta, right: limit(name), kind: 'amount',
    met: compare(totals.delta, limit(name)) >= 0});
  const mismatch = [byRatio('MISMATCH_RATIO'), byAmount('MISMATCH_ABSOLUTE')];
  const severe = [byRatio('SEVERE_RATIO'), byAmount('MISMATCH_ABSOLUTE'), byAmount('SEVERE_ABSOLUTE')];
  const isMismatch = mismatch.some(r => r.met);
  const isSevere = isMismatch && ((severe[0].met && severe[1].met) || severe[2].met);
  return {mismatch, severe, severity: isSevere ? 'S1' : isMismatch ? 'S2' : null};
}
