// Plays the frames of a walk as an animation of them would: ends are held, and a loop goes there and back.

const [FRAME_MS, HOLD_MS] = [80, 400];
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

export const isStill = () => STILL.matches;

/** `tell()` is called when it starts, stops, or when motion is no longer wanted. */
export function createPlayer(show, tell) {
  let [index, count, direction, isLooping, timer] = [0, 0, 1, true, null];

  function seek(place) {
    if (count === 0) return;
    index = Math.min(count - 1, Math.max(0, place));
    show(index);
  }

  /** One frame on -> whether there was one; a loop turns at its ends. */
  function step() {
    if (!isLooping) direction = 1;
    if (index === (direction > 0 ? count - 1 : 0)) {
      if (!isLooping) return false;
      direction = -direction;
    }
    seek(index + direction);
    return true;
  }

  function tick() {
    if (step()) timer = setTimeout(tick, index === 0 || index === count - 1 ? HOLD_MS : FRAME_MS);
    else pause();
  }

  function pause() {
    clearTimeout(timer);
    timer = null;
    tell();
  }

  function play() {
    if (!isLooping && index === count - 1) seek(0);
    timer = setTimeout(tick, FRAME_MS);
    tell();
  }

  STILL.addEventListener("change", pause);
  return {
    isPlaying: () => timer !== null,
    /** Start or stop; for those who want no motion, one frame on. */
    toggle() {
      if (timer !== null) pause();
      else if (!isStill()) play();
      else if (!step()) seek(0);
    },
    seek(place) {
      if (timer !== null) pause();
      seek(place);
    },
    /** Other frames, so many, and the one to show; 0 stops it. */
    load(frames, place) {
      count = frames;
      if (count === 0 && timer !== null) pause();
      seek(place);
    },
    loop(whether) {
      isLooping = whether;
    },
    close() {
      clearTimeout(timer);
      STILL.removeEventListener("change", pause);
    },
  };
}
