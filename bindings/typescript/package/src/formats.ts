/**
 * The formats that schemas name, by the same rules as the Rust library's validator: other
 * libraries differ on leap seconds and on days that no month has.
 */

const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const TIME = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(text: string): boolean {
  const found = DATE.exec(text);
  if (found === null) return false;
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : DAYS[month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

function isTime(text: string): boolean {
  const found = TIME.exec(text);
  if (found === null) return false;
  let [hour, minute] = [Number(found[1]), Number(found[2])];
  const second = Number(found[3]);
  if (hour > 23 || minute > 59 || second > 60) return false;
  if (found[4] !== undefined) {
    const [hours, minutes] = [Number(found[5]), Number(found[6])];
    if (hours > 23 || minutes > 59) return false;
    const shift = (hours * 60 + minutes) * (found[4] === "+" ? -1 : 1);
    const inDay = (hour * 60 + minute + shift + 2880) % 1440;
    [hour, minute] = [Math.floor(inDay / 60), inDay % 60];
  }
  return second !== 60 || (hour === 23 && minute === 59);
}

function isDateTime(text: string): boolean {
  const at = text.search(/[Tt]/);
  return at >= 0 && isDate(text.slice(0, at)) && isTime(text.slice(at + 1));
}

/** The checks of the formats that the contract may use. */
export const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  "date-time": isDateTime,
};

/** The last second that the Rust library's clock type holds. */
const LAST = "9999-12-30T22:00:00";

/** Whether a text that is a `date-time` in UTC is an instant that all clients hold. */
export function isInstant(text: string): boolean {
  return isDateTime(text) && text.slice(0, LAST.length) <= LAST;
}
