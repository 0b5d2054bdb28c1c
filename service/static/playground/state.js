// The store: what the panels share. They read and write it, and know nothing of each other.

/** Everything that there is, and who writes it. docs/architecture.md says the same in words. */
export const EMPTY = Object.freeze({
  models: null, // app: the answer of GET /models
  choice: null, // app: { name, version }, version null for the newest
  model: null, // app: the answer of GET /models/{name}
  sample: null, // app: a Sample (sample.js), always of the same model and version as `model`
  isConnected: true, // api
  subject: null, // draw: { kind, row, image, latent } of the image being looked at; once answered also reconstruction, mse, percentile, call
  a: null, // any panel, by "Set as A": an end of the interpolation, { kind, row, image, latent }
  b: null, // any panel, by "Set as B"
  pins: Object.freeze([]), // maps: rows of the sample
  selection: Object.freeze([]), // maps: rows of the sample
  hover: null, // maps: a row of the sample
  hiddenClasses: Object.freeze([]), // maps: class numbers
  view: null, // maps: a short text that says where the maps are looked at
});

/** A store: `get()` the whole, `set({...})` some of it, `on(names, listener)` to hear of changes. */
export function createStore(initial = EMPTY) {
  let current = { ...initial };
  const listeners = new Set();
  return {
    get: () => current,
    /** Change several fields at once; each listener hears once, after all are changed. Unknown fields are a mistake. */
    set(changes) {
      const unknown = Object.keys(changes).find((name) => !(name in initial));
      if (unknown) throw new TypeError(`the store has no field ${unknown}`);
      const changed = new Set(Object.keys(changes).filter((name) => changes[name] !== current[name]));
      current = { ...current, ...changes };
      for (const { names, listener } of [...listeners]) {
        if (names.some((name) => changed.has(name))) listener(current);
      }
    },
    /** Call `listener(state)` now, and whenever a field of these names changed; the answer ends that. */
    on(names, listener) {
      const entry = { names, listener };
      listeners.add(entry);
      listener(current);
      return () => listeners.delete(entry);
    },
  };
}

/** What a change of model leaves behind: rows and latents of one model mean nothing to another. */
export function forgetImages() {
  const { subject, a, b, pins, selection, hover, hiddenClasses, view } = EMPTY;
  return { subject, a, b, pins, selection, hover, hiddenClasses, view };
}
