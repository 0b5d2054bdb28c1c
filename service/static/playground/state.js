// The store: what the panels share. They read and write it, and know nothing of each other.

/** What belongs to one model, and is left behind with it: rows and latents of another mean nothing. */
export const NO_IMAGES = Object.freeze({
  subject: null, // draw: { kind, row, image, latent } of the image being looked at; once answered also reconstruction, mse, percentile, call
  a: null, // any panel, by "Set as A": an end of the interpolation, { kind, row, image, latent }
  b: null, // any panel, by "Set as B"
  pins: Object.freeze([]), // maps: rows of the sample
  selection: Object.freeze([]), // maps: rows of the sample
  hover: null, // maps: a row of the sample
  hiddenClasses: Object.freeze([]), // maps: class numbers
  view: null, // maps: a short text that says where the maps are looked at
});

const EMPTY = {
  models: null, // app: the answer of GET /models
  choice: null, // app: { name, version }, version null for the newest
  model: null, // app: the answer of GET /models/{name}
  sample: null, // app: a Sample (sample.js), always of the same model and version as `model`
  isConnected: true, // api
  ...NO_IMAGES,
};

export function createStore() {
  let current = EMPTY;
  const listeners = [];
  return {
    get: () => current,
    /** Change several fields at once; each listener hears once, after all are changed. */
    set(changes) {
      const changed = Object.keys(changes).filter((name) => changes[name] !== current[name]);
      current = { ...current, ...changes };
      for (const [names, listener] of listeners) {
        if (names.some((name) => changed.includes(name))) listener(current);
      }
    },
    /** Call `listener(state)` now, and whenever a field of these names changed. */
    on(names, listener) {
      listeners.push([names, listener]);
      listener(current);
    },
  };
}
