// What a visitor does with an item. Each deed is sent, can be undone, and is told to the view that is shown.

import { api, bus, Problem } from "./api.js";
import { announce, toast } from "./dom.js";
import { inStars } from "./scale.js";
import { keepLikes, ratingOf, visitor } from "./visitor.js";

const eventId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((each) => each.toString(16).padStart(2, "0")).join("");

/** Told after each deed of a visitor; `detail.settle(summary)` is to be called with what changed in the rows. What the words offer is
 * for that visitor only, and gone with them. */
function tell(user, text, undo, ...more) {
  const offers = [...(undo ? [{ label: "Undo", run: undo, keys: "Control+Z" }] : []), ...more];
  const settle = (change) => {
    if (visitor.id !== user) return;
    const message = change ? `${text} ${change}` : text;
    announce(undo ? `${message} Control Z takes it back.` : message);
    toast(message, ...offers.map((each) => ({ ...each, run: () => visitor.id === user && each.run() })));
  };
  if (visitor.id === user) bus.dispatchEvent(new CustomEvent("feedback", { detail: { settle } }));
}

let last = Promise.resolve();

/** One deed after the other, in the order in which they were asked for: of two ratings of one item the second has to stay. None is
 * done in the name of somebody whom the visitor was not when they asked. */
function attempt(deed) {
  const { id } = visitor;
  last = last.then(async () => {
    if (visitor.id !== id) return;
    try {
      await deed();
    } catch (error) {
      toast(error.message);
      announce(error.message);
    }
  });
  return last;
}

const given = new Map(); // what is on its way: item id -> stars

/** Choosing the stars that are there already takes them back; those that are on their way are not given twice. */
export async function rate(entry, value) {
  const { item_id: id } = entry;
  if (given.get(id) === value) return;
  const again = !given.has(id) && visitor.ratings.get(id) === value;
  given.set(id, again ? null : value);
  await attempt(() => (again ? takeBack(entry) : give(entry, value)));
  if (given.get(id) === (again ? null : value)) given.delete(id);
}

async function give(entry, value) {
  const { item_id: id, item } = entry;
  const { id: user, ratings } = visitor;
  // Without knowing what was there it could not be undone.
  const before = await ratingOf(id);
  await api.rate(user, id, value);
  ratings.set(id, value);
  tell(user, `${inStars(value)} for ${item.title}.`, () => attempt(() => (before === null ? takeBack(entry) : give(entry, before))));
}

async function takeBack(entry) {
  const { item_id: id, item } = entry;
  const { id: user, ratings } = visitor;
  const before = ratings.get(id);
  await api.unrate(user, id);
  ratings.delete(id);
  tell(user, `Rating of ${item.title} taken back.`, before === undefined ? null : () => attempt(() => give(entry, before)));
}

export function like(entry) {
  const { item_id: id, item } = entry;
  const asked = visitor.likes.has(id);
  return attempt(async () => {
    const { id: user, likes } = visitor;
    const liked = likes.get(id);
    if (Boolean(liked) !== asked) return; // the click before this one has done it
    if (liked) {
      await api.takeBack(liked).catch(unlessGone);
      likes.delete(id);
      keepLikes(user, likes);
      tell(user, `${item.title} is no longer liked.`, () => like(entry));
    } else {
      likes.set(id, await send(entry, "like"));
      keepLikes(user, likes);
      tell(user, `You like ${item.title}.`, () => like(entry));
    }
  });
}

/** What the service has forgotten by itself is taken back as well. */
function unlessGone(error) {
  if (!(error instanceof Problem && error.status === 404)) throw error;
}

export function dismiss(entry) {
  const [category] = entry.item.categories ?? [];
  const more = category && !visitor.hidden.categories.has(category) ? [{ label: `No more ${category}`, run: () => hide("categories", category, category) }] : [];
  return attempt(async () => {
    const { id: user } = visitor;
    const sent = await send(entry, "dismiss");
    const undo = () => attempt(async () => (await api.takeBack(sent), tell(user, `${entry.item.title} may come back.`)));
    tell(user, `${entry.item.title} stays away for a while.`, undo, ...more);
  });
}

/** Never show an item, or a category (`kind` is "items" or "categories"), without a word about taste. */
export function hide(kind, id, name) {
  return attempt(async () => {
    const { id: user, hidden } = visitor;
    await api.suppress(user, kind, id);
    hidden[kind].set(id, name);
    tell(user, kind === "items" ? `${name} is not shown any more.` : `No more ${name}.`, () => unhide(kind, id, name));
  });
}

export function unhide(kind, id, name) {
  return attempt(async () => {
    const { id: user, hidden } = visitor;
    await api.restore(user, kind, id);
    hidden[kind].delete(id);
    tell(user, `${name} may be shown again.`, () => hide(kind, id, name));
  });
}

async function send(entry, kind) {
  const event_id = eventId();
  await api.event({ event_id, user_id: visitor.id, item_id: entry.item_id, kind, ...attribution(entry) });
  return event_id;
}

const attribution = (entry) => (entry.recommendation_id ? { recommendation_id: entry.recommendation_id, position: entry.rank } : {});

/** That the visitor opened an item from a list. */
export function clicked(entry) {
  // Nothing waits for it, and one that is lost is not worth a word.
  if (visitor.id && entry.recommendation_id) send(entry, "click").catch(() => {});
}

const BATCH = 200; // what a page that is left may still send is bounded by bytes
const waiting = [];
const told = new Set();
let timer = null;

/** That an item of a list was on the screen; told once a list, in batches. */
export function shown(entry) {
  const mark = `${entry.recommendation_id} ${entry.item_id}`;
  if (!visitor.id || !entry.recommendation_id || told.has(mark)) return;
  told.add(mark);
  waiting.push({ event_id: eventId(), user_id: visitor.id, item_id: entry.item_id, kind: "impression", ...attribution(entry) });
  timer ??= setTimeout(flush, 2000);
}

function flush(options) {
  clearTimeout(timer);
  const batch = waiting.splice(0, BATCH);
  timer = waiting.length ? setTimeout(flush, 2000) : null;
  // Counts for nobody's list: one that is lost is not worth a word.
  if (batch.length) api.events(batch, options).catch(() => {});
}

/** What was seen just before the page is left is told too, or what is clicked would seem to be more of it. */
const leave = () => flush({ keepalive: true });
addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave());
