/**
 * Labels what a camera sees, while the visitor wants it to. One small frame is under way at a time;
 * the pause after it is no shorter than thrice the time that its answer took, and what Retry-After
 * asks for is kept. A hidden page sends nothing, and the camera goes out by itself after a while.
 */

import { answerOf, failureOf } from "./answer.js";
import { add } from "./deck.js";
import { byId, show } from "./dom.js";
import { label } from "./service.js";
import { announce, config, text } from "./words.js";

const SHOWN = 3;
const FRAME_WIDTH = 480;
const PATIENCE = 5_000;
const QUIET = 4_000;

const panel = byId("camera");
const video = byId("camera-video");
const verdict = byId("camera-answer");
const start = byId("camera-start");

let stream = null;
let abort = null;
let timer = 0;
let photos = 0;
let last = { words: "", spoken: "", at: 0 };

async function turnOn() {
  byId("camera-error").hidden = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    byId("camera-error").hidden = false;
    announce(text("camera.refused"));
    return;
  }
  abort = new AbortController();
  stream.getVideoTracks()[0].addEventListener("ended", turnOff);
  video.srcObject = stream;
  verdict.replaceChildren();
  panel.hidden = false;
  show(start, false, byId("camera-stop"));
  announce(text("camera.on"));
  await video.play();
  look(abort.signal, Date.now() + 60_000 * config.liveMinutes);
}

function turnOff() {
  if (stream === null) return;
  clearTimeout(timer);
  abort.abort();
  for (const track of stream.getTracks()) track.stop();
  stream = video.srcObject = null;
  start.hidden = false;
  show(panel, false, start);
  announce(text("camera.off"));
}

/** Label one frame, and the next after a pause. */
async function look(signal, until) {
  if (signal.aborted) return;
  if (Date.now() > until) return turnOff();
  const pause = document.hidden ? 0 : await labelFrame(signal);
  if (signal.aborted) return;
  timer = setTimeout(() => look(signal, until), Math.max(pause, 1000 * config.frameSeconds));
}

async function labelFrame(signal) {
  const asked = performance.now();
  try {
    const answer = await label(await frame(FRAME_WIDTH), signal);
    if (!signal.aborted) tell(answer);
    return 3 * (performance.now() - asked);
  } catch (problem) {
    if (!signal.aborted) verdict.replaceChildren(failureOf(problem));
    return problem.retryAfter ?? PATIENCE;
  }
}

function tell({ decision, labels }) {
  verdict.replaceChildren(answerOf(decision, labels.slice(0, SHOWN)));
  const sure = decision === "abstain" ? "" : `: ${labels[0].name}`;
  speak(`${config.texts[`decision.${decision}`]}${sure}`);
}

/** Say what two frames agree on, and not at every glance. */
function speak(words) {
  const now = Date.now();
  const settled = words === last.words && words !== last.spoken && now - last.at > QUIET;
  if (settled) announce(words);
  last = settled ? { words, spoken: words, at: now } : { ...last, words };
}

/** What the camera sees, as JPEG; at most `width` pixels wide. */
async function frame(width) {
  const share = Math.min(1, width / video.videoWidth);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(share * video.videoWidth);
  canvas.height = Math.round(share * video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
}

if (navigator.mediaDevices?.getUserMedia) {
  start.hidden = false;
  start.addEventListener("click", turnOn);
  byId("camera-stop").addEventListener("click", turnOff);
  byId("camera-keep").addEventListener("click", async () => {
    photos += 1;
    const name = text("camera.photo", { n: photos });
    add([new File([await frame(Infinity)], name, { type: "image/jpeg" })]);
  });
  addEventListener("pagehide", turnOff);
}
