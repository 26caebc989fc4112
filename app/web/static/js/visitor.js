// Who is visiting, and what they have said: the one state that the views share.

import { api, bus, key } from "./api.js";
import { knowScale } from "./scale.js";

const REMEMBERED = "medley-visitor";
const PAGE = 100; // as many as one answer may hold
const LIKES = "medley-likes:";
const LIKES_KEPT = 500;

export const visitor = {
  id: null,
  name: "",
  known: false, // whether the rest has been read
  taste: [], // categories that stand out
  ratings: new Map(), // item id -> stars, of what they rated last
  older: true, // whether they may have rated more than that
  likes: new Map(), // item id -> id of the event, to take it back
  hidden: nothingHidden(), // what they do not want to see: id -> how it is called, null where that is not known yet
};

function nothingHidden() {
  return { items: new Map(), categories: new Map() };
}

export function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED));
  } catch {
    return null;
  }
}

/** Become somebody: what they have said is read, and every view is told. Who is chosen meanwhile is the one. */
export async function become(id, name, taste = []) {
  const ratings = new Map();
  Object.assign(visitor, { id, name, taste, known: false, ratings, older: true, likes: likesOf(id), hidden: nothingHidden() });
  localStorage.setItem(REMEMBERED, JSON.stringify({ id, name, taste }));
  const [page, { suppressions }] = await Promise.all([api.ratings(id, { limit: PAGE }), api.suppressions(id), knowScale()]);
  if (visitor.ratings !== ratings) return;
  for (const { item_id, value } of page.ratings) ratings.set(item_id, value);
  visitor.older = page.next_cursor !== null;
  for (const { kind, id: subject } of suppressions) kind === "item" ? visitor.hidden.items.set(subject, null) : visitor.hidden.categories.set(subject, subject);
  visitor.known = true;
  bus.dispatchEvent(new Event("visitor"));
}

/** What the visitor has given these items, however long ago, is in `visitor.ratings` afterwards; of up to a hundred items. */
async function knowRatings(items) {
  const { id, ratings, older } = visitor;
  const unknown = older ? items.filter((item) => !ratings.has(item)) : [];
  if (!unknown.length) return;
  const found = await api.ratings(id, { item_id: unknown, limit: unknown.length });
  for (const { item_id, value } of found.ratings) if (!ratings.has(item_id)) ratings.set(item_id, value);
}

/** What the visitor has given an item; null for nothing. */
export async function ratingOf(item) {
  const { ratings } = visitor;
  await knowRatings([item]);
  return ratings.get(item) ?? null;
}

/** The likes are kept here as the visitor is: the service knows of them, but not by which event to take one back. */
function likesOf(id) {
  try {
    return new Map(JSON.parse(localStorage.getItem(LIKES + id)));
  } catch {
    return new Map();
  }
}

export function keepLikes(id, likes) {
  if (likes.size) localStorage.setItem(LIKES + id, JSON.stringify([...likes].slice(-LIKES_KEPT)));
  else localStorage.removeItem(LIKES + id);
}

/** The entries of a list that is the same for everybody, with the stars that this visitor would give. */
export async function withStars(entries) {
  if (!visitor.id || !entries.length) return entries;
  const items = entries.map((entry) => entry.item_id);
  const [found] = await Promise.all([api.predictions(visitor.id, items).catch(() => null), knowRatings(items).catch(() => null), knowScale()]);
  const expected = new Map(found?.predictions.map((each) => [each.item_id, each.predicted_rating]));
  return entries.map((entry) => ({ ...entry, predicted_rating: expected.get(entry.item_id) }));
}

/** Somebody without a history; with a user token it can only be the one whom it is for. */
export function newVisitor() {
  return key.subject() ?? `guest-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
}

/** How one addresses them: users of the data have numbers only. */
export const nameOf = (id) => (id.startsWith("guest-") ? "You" : `Visitor ${id}`);

/** A word for a taste, from the categories that stand out. */
export function phrase(categories) {
  const names = categories.slice(0, 2).map((each) => (typeof each === "string" ? each : each.category));
  return names.length ? names.join(" and ") : "a bit of everything";
}
