// One side of a browser's call: the driver carries descriptions and candidates. The scene is that of `pattern:scene`.
'use strict';
const wall = () => performance.timeOrigin + performance.now();   // ms, the machine's clock
const CODE = 32, ACROSS = 40;          // timecode: 32 cells in a row, each 1/40 of the width
const EVERY = 5;                       // of the pictures shown every fifth is looked at: looking costs
let pc = null, tracks = null, click = null, first = null, shownAt = null, gap = 0, shown = 0, round = 0;
let ages = [], films = [], size = [0, 0];
let waiting = [];

// Camera stand-in: a textured moving scene with grain and a timecode row, at a steady rate.
function scene(width, height, loop = 30) {
  let seed = 12345;
  const rnd = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const T = 256, tex = new Float32Array(T * T);
  for (let o = 1, a = 48; o <= 32; o *= 2, a *= 0.62) {          // smooth noise, octave by octave
    const n = 8 * o > T ? T : 8 * o, g = Float32Array.from({length: n * n}, () => rnd() * 2 - 1);
    for (let y = 0; y < T; y++) for (let x = 0; x < T; x++) {
      const fx = x * n / T, fy = y * n / T, x0 = fx | 0, y0 = fy | 0, u = fx - x0, v = fy - y0;
      const at = (i, j) => g[((j + n) % n) * n + (i + n) % n];
      tex[y * T + x] += a * ((at(x0, y0) * (1 - u) + at(x0 + 1, y0) * u) * (1 - v) + (at(x0, y0 + 1) * (1 - u) + at(x0 + 1, y0 + 1) * u) * v);
    }
  }
  const frames = [];
  for (let f = 0; f < loop; f++) {
    const buf = new Uint8Array(width * height * 3 / 2).fill(128);
    const p = 2 * Math.PI * f / loop, hx = width * (0.5 + 0.10 * Math.sin(p)), hy = height * (0.55 + 0.05 * Math.sin(2 * p));
    const rx = width * 0.22, ry = height * 0.42, s = 640 / width;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const dx = (x - hx) / rx, dy = (y - hy) / ry, d = dx * dx + dy * dy;
      // The head turns, leans and changes expression; behind it a still background; grain over all.
      const bend = d < 1 ? 6 * Math.sin(p * 2 + y * s / 40) : 0;
      const tx = d < 1 ? (x - hx) * s + bend + 400 : x * s * 0.5, ty = d < 1 ? (y - hy) * s + 3 * Math.cos(p * 3 + x * s / 50) + 400 : y * s * 0.5;
      const t = tex[(ty & 255) * 256 + (tx & 255)];
      const grain = ((x * 7 + y * 13 + f * 31) * 2654435761 >>> 28) / 15 * 4 - 2;
      buf[y * width + x] = Math.max(16, Math.min(235, (d < 1 ? 140 : 100) + t * (d < 1 ? 1 : 0.5) + grain));
    }
    frames.push(buf);
  }
  return frames;
}
function stamp(buf, width, ms) {
  const v = Math.floor(ms) & 0xffffff, sum = ((v ^ (v >> 8) ^ (v >> 16)) & 0xff) ^ 0x5a, c = width / ACROSS;
  for (let i = 0; i < CODE; i++) {
    const bit = i < 24 ? (v >> (23 - i)) & 1 : (sum >> (31 - i)) & 1, x0 = Math.round(i * c), x1 = Math.round((i + 1) * c);
    for (let y = 0; y < c; y++) buf.fill(bit ? 215 : 40, y * width + x0, y * width + x1);
  }
}
function camera(width, height, fps) {
  const generator = new MediaStreamTrackGenerator({kind: 'video'}), writer = generator.writable.getWriter();
  const frames = films = scene(width, height), t0 = performance.now();
  let n = 0;
  const tick = () => {
    const buf = frames[n % frames.length];
    stamp(buf, width, wall());
    const frame = new VideoFrame(buf, {format: 'I420', codedWidth: width, codedHeight: height, timestamp: Math.round(performance.now() * 1000)});
    if (writer.desiredSize > 0) writer.write(frame).catch(() => {}); else frame.close();
    n++;
    const next = t0 + n * 1000 / fps, now = performance.now();
    if (next < now - 100) n = Math.ceil((now - t0) * fps / 1000);
    setTimeout(tick, Math.max(0, t0 + n * 1000 / fps - performance.now()));
  };
  tick();
  return generator;
}

const pick = document.createElement('canvas'); pick.width = CODE; pick.height = 3;
const pen = pick.getContext('2d', {willReadFrequently: true});
// How old the picture is that is shown at this time; null where no code can be read.
function age(video, at) {
  const c = video.videoWidth / ACROSS;
  pen.imageSmoothingEnabled = false;   // nearest neighbours of the middle of each cell
  pen.drawImage(video, 0, 0, CODE * c, c, 0, 0, CODE, 3);
  const d = pen.getImageData(0, 1, CODE, 1).data;
  let v = 0, s = 0;
  for (let i = 0; i < CODE; i++) { const b = d[i * 4 + 1] > 127 ? 1 : 0; if (i < 24) v = v << 1 | b; else s = s << 1 | b; }
  if ((((v ^ (v >> 8) ^ (v >> 16)) & 0xff) ^ 0x5a) !== s) return null;
  const ms = ((Math.floor(at) & 0xffffff) - v + 0x1000000) & 0xffffff;
  return ms < 60000 ? ms : null;
}
function watch(video) {
  const own = round;
  const on = (now, meta) => {
    if (own !== round) return;
    const at = performance.timeOrigin + (meta.expectedDisplayTime || now);
    if (!first) first = wall();
    if (shownAt !== null) gap = Math.max(gap, at - shownAt);
    shownAt = at;
    if (shown++ % EVERY === 0) { const ms = age(video, at); if (ms !== null) ages.push(ms); }
    video.requestVideoFrameCallback(on);
  };
  video.requestVideoFrameCallback(on);
}

async function prepare(width, height) {
  const media = await navigator.mediaDevices.getUserMedia({audio: true});
  size = [width, height];
  tracks = [media.getAudioTracks()[0], camera(width, height, 30)];
  return true;
}
const tell = message => send(JSON.stringify(message));
function open() {
  pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  pc.onicecandidate = e => tell({candidate: e.candidate && e.candidate.toJSON()});
  const stream = new MediaStream();
  pc.ontrack = e => { stream.addTrack(e.track); const v = document.getElementById('remote'); if (v.srcObject !== stream) { v.srcObject = stream; watch(v); } };
  const out = new MediaStream(tracks);
  for (const t of tracks) pc.addTrack(t, out);
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
  const score = c => (/h264/i.test(c.mimeType) ? 0 : 10) + (/42e01f/i.test(c.sdpFmtpLine || '') ? 0 : 1) + (/packetization-mode=1/.test(c.sdpFmtpLine || '') ? 0 : 1);
  codecs.sort((a, b) => score(a) - score(b));
  for (const t of pc.getTransceivers()) if (t.sender.track && t.sender.track.kind === 'video') t.setCodecPreferences(codecs);
}
async function call() {
  click = wall();
  open();
  await pc.setLocalDescription(await pc.createOffer());
  tell({sdp: pc.localDescription.toJSON()});
  return click;
}
// An offer with all candidates inside, and its answer.
async function offer() {
  open();
  await pc.setLocalDescription(await pc.createOffer());
  while (pc.iceGatheringState !== 'complete') await new Promise(done => pc.addEventListener('icegatheringstatechange', done, {once: true}));
  return pc.localDescription.toJSON();
}
async function conclude(answer) { await pc.setRemoteDescription(answer); }
async function receive(m) {
  if (m.sdp) {
    if (!pc) open();
    await pc.setRemoteDescription(m.sdp);
    for (const c of waiting.splice(0)) await pc.addIceCandidate(c);
    if (m.sdp.type === 'offer') { await pc.setLocalDescription(await pc.createAnswer()); tell({sdp: pc.localDescription.toJSON()}); }
  } else if (m.candidate) { if (pc && pc.remoteDescription) await pc.addIceCandidate(m.candidate); else waiting.push(m.candidate); }
}
function hangUp() {
  round++;
  if (pc) pc.close();
  pc = null; first = null; shownAt = null; gap = 0; shown = 0; ages = []; waiting = [];
  document.getElementById('remote').srcObject = null;
  return true;
}
function firstShown() { return first; }
async function look() {
  const said = {at_ms: wall(), shown, ages, gap: Math.max(gap, shownAt === null ? 0 : wall() - shownAt), video: {}, audio: {}};
  ages = []; gap = 0;
  if (!pc) return said;
  const keep = (r, keys) => Object.fromEntries(keys.split(' ').filter(k => k in r).map(k => [k, r[k]]));
  for (const r of (await pc.getStats()).values()) {
    if (r.type === 'inbound-rtp') said[r.kind] = keep(r, 'bytesReceived packetsReceived packetsLost framesDecoded frameWidth frameHeight freezeCount totalFreezesDuration keyFramesDecoded nackCount pliCount retransmittedPacketsReceived jitterBufferDelay jitterBufferEmittedCount concealedSamples totalSamplesReceived decoderImplementation estimatedPlayoutTimestamp');
    if (r.type === 'outbound-rtp' && r.kind === 'video') said.sent = keep(r, 'bytesSent targetBitrate framesEncoded frameWidth frameHeight qualityLimitationReason encoderImplementation');
  }
  return said;
}
const based = luma => {
  let text = '';
  for (let n = 0; n < luma.length; n += 8192) text += String.fromCharCode(...luma.subarray(n, n + 8192));
  return btoa(text);
};
// Luma of a picture of the scene, base64, with its size.
function filmed(n) {
  const [width, height] = size;
  return {width, height, luma: based(films[n].subarray(0, width * height))};
}
// Luma of the picture shown now, base64, with its size; null where the browser does not keep it by itself.
async function picture() {
  const frame = new VideoFrame(document.getElementById('remote'));
  const {width, height} = frame.visibleRect, format = frame.format;
  if (!/^(I420|NV12)/.test(format)) { frame.close(); return null; }
  const bytes = new Uint8Array(frame.allocationSize()), planes = await frame.copyTo(bytes);
  frame.close();
  const luma = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) luma.set(bytes.subarray(planes[0].offset + y * planes[0].stride, planes[0].offset + y * planes[0].stride + width), y * width);
  return {width, height, format, luma: based(luma)};
}
