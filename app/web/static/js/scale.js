// The scale of the service's ratings, brought to a row of stars. Whatever the scale is, a star says the value that is sent.

import { api } from "./api.js";
import { plural } from "./dom.js";

const FIVE = [1, 2, 3, 4, 5];
const MOST_STEPS = 7; // more stars than that are too small to hit

const scale = { minimum: 1, maximum: 5 };
let asked = null;

/** Ask for the scale, until it is known; before that no stars are to be shown, or the fifth of them might mean the middle. */
export const knowScale = () => (asked ??= ask());

async function ask() {
  try {
    Object.assign(scale, await api.scale());
  } catch (error) {
    asked = null;
    throw error;
  }
}

/** The values of the stars, lowest first. A scale of a few whole steps has a star for each; of any other there are five of the same
 * width, from nothing or else from its lower end. */
export function steps() {
  const { minimum: low, maximum: high } = scale;
  if (low >= 0 && low <= 1 && high > 2 && high <= MOST_STEPS && Number.isInteger(high)) return Array.from({ length: high }, (_, at) => at + 1);
  const value = low >= 0 && low <= high / 5 ? (star) => (high * star) / 5 : (star) => low + ((high - low) * (star - 1)) / 4;
  return FIVE.map((star) => Number(value(star).toPrecision(12)));
}

/** How many of the stars are filled by a value, parts of one among them. */
export function filled(value) {
  const [first, second] = steps();
  return 1 + (value - first) / (second - first);
}

const width = () => scale.maximum - scale.minimum;
/** A value as it is shown: with as many digits as tell something on this scale. */
export const shownValue = (value) => (value === null || value === undefined ? "–" : Number(value).toFixed(width() > 20 ? 0 : width() > 1.5 ? 1 : 2));
const short = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
const isStars = () => steps().every((value, at) => value === at + 1);
/** What a value has to have behind it so that one knows what it is out of; nothing where stars are counted. */
export const outOf = () => (isStars() ? "" : scale.minimum < 0 ? ` on ${short(scale.minimum)} to ${short(scale.maximum)}` : ` of ${short(scale.maximum)}`);

/** A given value in words: 4 stars, 8 of 10. */
export const inStars = (value) => (isStars() ? plural(value, "star") : `${short(value)}${outOf()}`);

/** A reason in words; the service says stars, whatever the scale is. */
export const reasonText = (reason) => (reason.kind === "because_you_rated" && !isStars() ? `Because you rated ${reason.title} ${inStars(reason.value)}` : reason.text ?? "");

/** What to ask for: from three in five of the way on, with the words. */
export function floors() {
  const all = steps();
  const step = (all[1] - all[0]) / 2;
  return [0.6, 0.7, 0.8].map((share) => {
    const value = Math.round((all[0] - 2 * step + share * all.length * 2 * step) / step) * step;
    return [String(Number(value.toPrecision(6))), `${short(value)} and up`];
  });
}
