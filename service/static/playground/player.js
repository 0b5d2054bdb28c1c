// Plays the frames of a walk as an animation of them would: ends are held, and a loop goes there and back.

export const FRAME_MS = 80;
export const HOLD_MS = 400;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether nothing may move by itself. */
export const isStill = () => STILL.matches;

/** `show(index)` is told which frame to show, `tell()` when it starts, stops, or when motion is no longer wanted. */
export function createPlayer(show, tell) {
  let [index, count, direction, isPlaying, isLooping, due, request] = [0, 0, 1, false, true, 0, 0];

  const isEnd = () => (direction > 0 ? index >= count - 1 : index <= 0);

  /** One frame on; at the end of a loop it turns, otherwise false. */
  function step() {
    if (isEnd()) {
      if (!isLooping) return false;
      direction = -direction;
    }
    index = Math.min(count - 1, Math.max(0, index + direction));
    show(index);
    return true;
  }

  function tick(now) {
    if (now >= due) {
      if (!step()) return pause();
      due = now + (index === 0 || index === count - 1 ? HOLD_MS : FRAME_MS);
    }
    request = requestAnimationFrame(tick);
  }

  function pause() {
    cancelAnimationFrame(request);
    isPlaying = false;
    tell();
  }

  function rewind() {
    if (isLooping || index < count - 1) return;
    index = 0;
    show(index);
  }

  function play() {
    if (!isLooping) direction = 1;
    rewind();
    [isPlaying, due] = [true, performance.now() + FRAME_MS];
    request = requestAnimationFrame(tick);
    tell();
  }

  const heed = () => (isStill() && isPlaying ? pause() : tell());
  STILL.addEventListener("change", heed);
  return {
    isPlaying: () => isPlaying,
    pause,
    play,
    /** One frame on, for those who want no motion; after the last of a single pass comes the first. */
    advance() {
      if (!isLooping) direction = 1;
      if (!step()) rewind();
    },
    seek(place) {
      if (count === 0) return;
      index = Math.min(count - 1, Math.max(0, place));
      show(index);
    },
    /** How many frames there are; 0 stops it. */
    load(frames) {
      count = frames;
      if (count === 0 && isPlaying) pause();
    },
    loop(whether) {
      isLooping = whether;
    },
    close() {
      cancelAnimationFrame(request);
      STILL.removeEventListener("change", heed);
    },
  };
}
