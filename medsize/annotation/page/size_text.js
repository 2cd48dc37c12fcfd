// Sizes as people type them: 3, .5, 2,5, 1/3, 2 1/2, and ranges 2-3.

const NUMBER = /^(?:(\d+) +)?(\d*\.?\d*)(?:\/(\d+\.?\d*))?$/;

function readNumber(text) {
  const match = NUMBER.exec(text.trim().replace(",", "."));
  if (!match || !/\d/.test(match[2])) return NaN;
  const [, whole, top, bottom] = match;
  if (whole !== undefined && bottom === undefined) return NaN;  // "2 5" may mean anything
  const part = bottom === undefined ? Number(top) : Number(top) / Number(bottom);
  return Number(whole ?? 0) + part;
}

// Returns {value, low, high}, of which value or both others are null; or null when this is no size.
export function readSize(text) {
  const parts = text.split(/[-–]/);
  if (parts.length > 2) return null;
  const [low, high] = parts.map(readNumber);
  if (parts.length === 1) return Number.isFinite(low) ? { value: low, low: null, high: null } : null;
  return low <= high && Number.isFinite(high) ? { value: null, low, high } : null;
}

export function writeNumber(number, digits = 4) {
  return String(Number(number.toPrecision(digits)));
}

export function writeSize({ value, low, high }) {
  if (value !== null) return writeNumber(value);
  return low === null ? "" : `${writeNumber(low)}-${writeNumber(high)}`;
}
