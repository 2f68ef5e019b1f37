// One side of a browser's call with speech: the driver carries the descriptions, which hold every candidate.
'use strict';
const wall = () => performance.timeOrigin + performance.now();
const ear = new AudioContext({sampleRate: 48000});
let pc, spokenAt = null, offset = Infinity;
const tape = [];
let taped = 0, tapedAt = Infinity;
// When the context's time 0 was on the wall: each look is late by a little, so the least is nearest.
setInterval(() => { if (ear.state === 'running' && ear.currentTime > 0) offset = Math.min(offset, wall() - ear.currentTime * 1000); }, 5);

async function prepare(speech) {       // base64 of f32 samples, 48 kHz
  await navigator.mediaDevices.getUserMedia({audio: true});   // so that addresses are shown
  const samples = new Float32Array(Uint8Array.from(atob(speech), c => c.charCodeAt(0)).buffer);
  const buffer = new AudioBuffer({length: samples.length, sampleRate: 48000, numberOfChannels: 1});
  buffer.copyToChannel(samples, 0);
  const to = new MediaStreamAudioDestinationNode(ear, {channelCount: 1});
  const from = new AudioBufferSourceNode(ear, {buffer, loop: true});
  from.connect(to);
  await ear.resume();
  offset = Infinity;   // what was looked at before it ran says nothing
  while (offset === Infinity) await new Promise(done => setTimeout(done, 10));
  spokenAt = ear.currentTime + 0.1;
  from.start(spokenAt);
  pc = new RTCPeerConnection();
  pc.ontrack = e => {
    const stream = new MediaStream([e.track]), pull = new Audio();
    pull.muted = true; pull.srcObject = stream; pull.play().catch(() => {});   // nothing flows without an element
    const tap = ear.createScriptProcessor(1024, 1, 1);
    tap.onaudioprocess = event => {
      const block = event.inputBuffer.getChannelData(0).slice();
      tapedAt = Math.min(tapedAt, wall() - (taped + block.length) / 48);
      taped += block.length;
      tape.push(block);
    };
    new MediaStreamAudioSourceNode(ear, {mediaStream: stream}).connect(tap);
    tap.connect(ear.destination);
    window.keep = [pull, tap];
  };
  pc.addTrack(to.stream.getAudioTracks()[0], to.stream);
}
const whole = async () => {
  while (pc.iceGatheringState !== 'complete') await new Promise(done => setTimeout(done, 20));
  return pc.localDescription.toJSON();
};
async function offer() { await pc.setLocalDescription(await pc.createOffer()); return whole(); }
async function accept(offer) {
  await pc.setRemoteDescription(offer);
  await pc.setLocalDescription(await pc.createAnswer());
  return whole();
}
async function conclude(answer) { await pc.setRemoteDescription(answer); return true; }
async function look() {
  for (const r of (await pc.getStats()).values()) {
    if (r.type === 'inbound-rtp') return {samples: r.totalSamplesReceived, concealed: r.concealedSamples,
      delay: r.jitterBufferDelay, emitted: r.jitterBufferEmittedCount, bytes: r.bytesReceived};
  }
  return {};
}
function times() { return {spoken: offset + spokenAt * 1000, heard: tapedAt, length: taped}; }
function heard(from, length) {         // base64 of i16 samples
  const all = new Int16Array(length);
  let at = -from;
  for (const block of tape) {
    for (let n = 0; n < block.length; n++) if (at + n >= 0 && at + n < length) all[at + n] = block[n] * 32767;
    at += block.length;
  }
  const bytes = new Uint8Array(all.buffer);
  let text = '';
  for (let n = 0; n < bytes.length; n += 8192) text += String.fromCharCode(...bytes.subarray(n, n + 8192));
  return btoa(text);
}
