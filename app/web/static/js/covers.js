// A cover for an item without an image: composition by genre, colours by genre and title, always the same for the same item.

import { svg } from "./dom.js";
import { COMPOSITIONS } from "./compositions.js";
import { VARIANTS } from "./variants.js";

// Ground, main shape, second shape, spark, lettering.
const PALETTES = {
  Action: [["#f2b134", "#d1361f", "#1c1720", "#fff3d9", "#1c1720"], ["#d8402b", "#1c1720", "#f6b93b", "#f7efe2", "#f7efe2"], ["#1d2a4a", "#ef5b3c", "#f3c969", "#f7efe2", "#f7efe2"]],
  Adventure: [["#f0c36d", "#2f6b5e", "#163c3b", "#d9502f", "#17302f"], ["#1f5c6b", "#e9a03b", "#123b48", "#f4e6c8", "#f7efe2"]],
  Animation: [["#ffd166", "#ef476f", "#118ab2", "#fff8e7", "#2b1b3d"], ["#5bc0be", "#fde74c", "#e4572e", "#fff8e7", "#0b2b33"]],
  Children: [["#8ecae6", "#ffb703", "#fb8500", "#fffaf0", "#12354a"], ["#f7b2bd", "#7b5ea7", "#ffe066", "#fffaf0", "#3a2150"]],
  Comedy: [["#3aa69b", "#ffe08a", "#17444d", "#fff7e6", "#fff9ec"], ["#f9c74f", "#f3722c", "#277da1", "#fff7e6", "#2a1a12"], ["#f4a6a0", "#1f5f8b", "#f6d55c", "#fff7e6", "#2b1a2b"]],
  Crime: [["#e3c27a", "#9e2f24", "#2b2a33", "#f6e7c4", "#2b2a33"], ["#22262f", "#c94b3a", "#586272", "#e8e0d2", "#f2ebdf"], ["#3a2b24", "#d89b4a", "#705548", "#f0e4d0", "#f6ecdc"]],
  Documentary: [["#dfe3dc", "#2d4739", "#8a9a5b", "#d1603d", "#1e2f26"], ["#c9d6df", "#1f3a5f", "#52789c", "#e07a5f", "#14263f"]],
  Drama: [["#c8d5c3", "#2e5339", "#e3a857", "#1c3323", "#1c3323"], ["#6b2737", "#e08e6d", "#f2d0a9", "#3f1522", "#fbeede"], ["#2f4858", "#d9ae94", "#86a3b8", "#f1e3d3", "#f8efe4"], ["#e6d3b3", "#7d4f50", "#cc8b65", "#33292c", "#33232a"]],
  Fantasy: [["#f1d6c9", "#7b4b94", "#d98e9f", "#fdf4ec", "#3f2350"], ["#35235d", "#b185db", "#f7d070", "#1f1440", "#f6ecff"], ["#14505c", "#7fd1ae", "#f2e394", "#0b3038", "#f1fbef"]],
  "Film-Noir": [["#17171a", "#8d8d93", "#d9d6cf", "#b3362b", "#f3f0ea"], ["#cfcac0", "#2a2a2e", "#77747a", "#a83226", "#1b1b1e"]],
  Horror: [["#140d12", "#b3122b", "#4a0d1a", "#efe3d0", "#f4e9d8"], ["#0e1a17", "#7fa650", "#22382d", "#e8e4c9", "#eef0da"]],
  Musical: [["#f4a259", "#7d1d3f", "#fff1d6", "#3d0d22", "#3d0d22"], ["#0f4c5c", "#f6bd60", "#e36414", "#081f26", "#fdf0dc"], ["#7b2d8b", "#ffb4a2", "#ffd670", "#43154f", "#fff0e6"], ["#e5446d", "#ffd9a0", "#5b1f57", "#fff5e1", "#fff5e1"]],
  Mystery: [["#1b2a41", "#c9ada7", "#4a5f82", "#f2e9dc", "#f2e9e4"], ["#2d3a3a", "#d4a24c", "#55706d", "#f0ead6", "#f3eedd"]],
  Romance: [["#fbe4c9", "#c8553d", "#f28f3b", "#588b8b", "#4a2018"], ["#f6c6c7", "#d1345b", "#f28a80", "#5c1a33", "#4b1029"], ["#7a1f45", "#f49d8d", "#fbd0c0", "#3e0b22", "#ffeae2"]],
  "Sci-Fi": [["#10173a", "#4f6df5", "#f2a65a", "#e8ecff", "#eef1ff"], ["#07262d", "#1fb5a8", "#f6d365", "#dffaf4", "#e6fbf6"], ["#2a0f3d", "#ff5d8f", "#46c2cb", "#fbe9ff", "#fdf0ff"]],
  Thriller: [["#e8e1d3", "#9c2c2c", "#b9b09f", "#1c1c22", "#1c1c22"], ["#0f2027", "#d9b44a", "#2c5364", "#f3ead3", "#f6eedb"], ["#2b2d42", "#ef233c", "#4a4e69", "#edf2f4", "#f3f5f7"]],
  War: [["#4b5320", "#c8b273", "#2c3113", "#b23a2e", "#f3ebd3"], ["#8c4a32", "#e0b77d", "#4d2719", "#f5e7cf", "#fbf0dc"]],
  Western: [["#e9a252", "#b3402a", "#6f2417", "#fbe3b7", "#4a150c"], ["#c95d38", "#f2c078", "#6b2a1c", "#fdebc8", "#fff0d6"]],
};
const ALL_PALETTES = Object.values(PALETTES).flat();
const SAME = { "Children's": "Children" };
// The telling genre gives the composition: a comedy western looks like a western.
const TELLING = ["Film-Noir", "Western", "Horror", "Musical", "Sci-Fi", "War", "Animation", "Documentary", "Fantasy", "Mystery", "Children", "Romance", "Crime", "Adventure", "Thriller", "Action", "Comedy", "Drama"];
// Those that show no thing, for categories that are none of these: a book of cookery wants no clown.
const ABSTRACT = ["Drama", "Romance", "Comedy", "Documentary", "Action", "Musical", "War", "Animation"];
const WIDTH = 200;
const MARGIN = 15;
const EM = 0.56; // of the type size, a character's mean width in the covers' face

function digest(text) {
  let value = 2166136261;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 16777619);
  return value >>> 0;
}

function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** The drawing alone, as for an avatar or a genre's tile. */
export function drawing(seed, genres, viewBox = "0 0 200 300") {
  const random = randomFrom(digest(seed));
  const known = genres.map((each) => SAME[each] ?? each);
  const named = TELLING.filter((each) => known.includes(each));
  const other = ABSTRACT[genres[0] ? digest(genres[0]) % ABSTRACT.length : Math.floor(random() * ABSTRACT.length)];
  const palettes = named.length ? PALETTES[named[Math.floor(random() ** 2 * named.length)]] : ALL_PALETTES;
  const colours = palettes[Math.floor(random() * palettes.length)];
  const picture = svg("svg", { class: "cover-art", viewBox, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" });
  picture.append(svg("rect", { width: WIDTH, height: 300, fill: colours[0] }), ...composition(named, other, random)(random, colours));
  return { picture, colours };
}

/** Mostly that of the most telling genre, now and then that of the next, in one of its two forms. */
function composition(named, other, random) {
  if (!named.length) return COMPOSITIONS[other];
  const genre = named.length > 1 && random() < 0.36 ? named[1] : named[0];
  return (random() < 0.5 && VARIANTS[genre]) || COMPOSITIONS[genre];
}

export function cover(title, categories, year) {
  const { picture, colours } = drawing(title, categories);
  const [ground, , , , lettering] = colours;
  const { lines, size } = set(title);
  const leading = size * 1.04;
  const block = lines.length * leading + 34;
  picture.append(svg("path", { d: `M0 ${300 - block}H200V300H0z`, fill: ground }));
  const text = svg("text", { class: "cover-title", fill: lettering, "font-size": size });
  lines.forEach((line, number) => text.append(svg("tspan", { x: MARGIN, y: 300 - block + 24 + number * leading + size * 0.18 }, line)));
  picture.append(text);
  if (year) picture.append(svg("text", { class: "cover-year", x: MARGIN, y: 287, fill: lettering }, year));
  return picture;
}

function set(title) {
  const words = title.split(/\s+/);
  const longest = Math.max(...words.map((word) => word.length));
  for (const size of [30, 26, 22, 19, 16]) {
    const room = Math.floor((WIDTH - 2 * MARGIN) / (size * EM));
    const lines = wrap(words, room);
    if (longest <= room && lines.length <= (size > 22 ? 3 : 4)) return { lines, size };
  }
  const lines = wrap(words, 18).slice(0, 4).map((line) => (line.length > 20 ? `${line.slice(0, 18)}…` : line));
  return { lines, size: 15 };
}

function wrap(words, room) {
  const lines = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** An item's own image where this server gives it, else a drawn cover: also where the image does not come. */
export function coverOf(item) {
  const drawn = () => cover(item.title, item.categories ?? [], item.released_on?.slice(0, 4));
  const image = item.image_url && URL.canParse(item.image_url, location.href) ? new URL(item.image_url, location.href) : null;
  if (image?.origin !== location.origin) return drawn();
  const shown = document.createElement("img");
  shown.addEventListener("error", () => shown.replaceWith(drawn()));
  Object.assign(shown, { src: image.href, alt: "", loading: "lazy", width: 200, height: 300, className: "cover-art" });
  return shown;
}
