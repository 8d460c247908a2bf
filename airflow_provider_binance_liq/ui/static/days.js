/* UTC days, durations and numbers in words. Everything is ISO 8601 and UTC: no locale of the reader has a say. */

export const DAY_MS = 86_400_000;

export const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** A day as the number of days since 1970-01-01. */
export const dayNumber = (iso) => Math.floor(Date.parse(`${iso.slice(0, 10)}T00:00:00Z`) / DAY_MS);

export const dayName = (day) => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** 0 for a Monday, 6 for a Sunday: 1970-01-01 was a Thursday. */
export const weekday = (day) => (((day + 3) % 7) + 7) % 7;

export const weekdayName = (day) => WEEKDAYS[weekday(day)];

export const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

/** "2026-11-27 07:10 UTC" */
export const instant = (iso) => `${new Date(iso).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** Digits in groups of three; a decimal string stays exact. */
export function grouped(number) {
  const [whole, fraction] = String(number).split(".");
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

export const counted = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** "12 d", "4 d 6 h", "5 h 10 min": from a week on, hours decide nothing. */
export function duration(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  if (days >= 10) return `${days} d`;
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** A duration where there is little room: whole hours where it has any; never more than there is. */
export const shortDuration = (ms) =>
  ms >= 3_600_000 && ms < DAY_MS ? `${Math.floor(ms / 3_600_000)} h` : duration(ms);

export const bytesInWords = (bytes) =>
  bytes < 1024 ? counted(bytes, "byte") : bytes < 1024 ** 2
    ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/** Amounts by unit: decimals are cut off, not rounded, and the exact amounts are in a title. */
export function amounts(notional, most = 2) {
  const units = Object.keys(notional).sort();
  const shown = units.slice(0, most).map((unit) => {
    const [whole, fraction = ""] = notional[unit].split(".");
    const decimals = whole.length < 5 ? fraction.slice(0, 2) : "";
    return `${grouped(whole)}${decimals && `.${decimals}`} ${unit}`;
  });
  if (units.length > most) shown.push(`and ${counted(units.length - most, "more unit")}`);
  return shown.join(", ");
}
