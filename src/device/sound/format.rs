//! Which format a device is opened in: its own channels for a microphone, so that the one that carries sound can be
//! found; our own rate where device or server do it well.

use std::str::FromStr;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{
    BufferSize, DeviceId, Error, ErrorKind, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    SupportedStreamConfigRange,
};

use crate::device::sound::id_of;
use crate::model::device::DeviceKind;

/// Channels of a device that can do any number: what microphones that people have mostly give.
const USUAL: u16 = 2;
/// More channels than any interface on a desk has: such a device does as many as it is asked for.
const ANY: u16 = 16;

/// `f32` at this rate where device or server convert, else what comes nearest, else what the device likes best. With it
/// comes how many channels the device has itself, for people.
pub(super) fn choose(
    device: &cpal::Device,
    kind: DeviceKind,
    rate: u32,
) -> Result<(SupportedStreamConfig, u16), Error> {
    let own = own(device, kind);
    let channels = match kind {
        // A speaker's channels all play the same, which a server does itself.
        DeviceKind::Speaker => 1,
        _ => own.channels.unwrap_or(1),
    };
    let rate = own.rate(rate);
    let fits = |c: &SupportedStreamConfigRange| c.channels() == channels && c.sample_format() == SampleFormat::F32;
    match ranges(device, kind)?.into_iter().find(fits).and_then(|range| range.try_with_sample_rate(rate)) {
        Some(config) => {
            let count = own.count.unwrap_or(config.channels());
            Ok((config, count))
        }
        None => {
            let config = match kind {
                DeviceKind::Speaker => device.default_output_config()?,
                _ => device.default_input_config()?,
            };
            Ok((config, config.channels()))
        }
    }
}

fn ranges(device: &cpal::Device, kind: DeviceKind) -> Result<Vec<SupportedStreamConfigRange>, Error> {
    match kind {
        DeviceKind::Speaker => Ok(device.supported_output_configs()?.collect()),
        _ => Ok(device.supported_input_configs()?.collect()),
    }
}

/// What the device itself does, behind what converts.
#[derive(Debug, Default)]
struct Own {
    /// To ask for.
    channels: Option<u16>,
    /// Channels it has, where that is another number.
    count: Option<u16>,
    /// Rates, from – to; empty: any.
    rates: Vec<(u32, u32)>,
}

impl Own {
    /// The rate that comes nearest to this one, rather above than below: what is below loses treble.
    fn rate(&self, wanted: u32) -> u32 {
        let within = self.rates.iter().any(|(from, to)| (*from..=*to).contains(&wanted));
        if within || self.rates.is_empty() {
            return wanted;
        }
        let above = self.rates.iter().map(|(from, _)| *from).filter(|rate| *rate > wanted).min();
        let below = self.rates.iter().map(|(_, to)| *to).filter(|rate| *rate < wanted).max();
        above.or(below).unwrap_or(wanted)
    }
}

fn own(device: &cpal::Device, kind: DeviceKind) -> Own {
    let id = id_of(device).unwrap_or_default();
    match id.split_once(':') {
        // The server converts rates well; channels it would average.
        Some(("pulseaudio", _)) if kind == DeviceKind::Speaker => Own::default(),
        #[cfg(target_os = "linux")]
        Some(("pulseaudio", name)) => {
            let asked = super::places::channels_of(name);
            let (channels, count) = (asked.map(|asked| asked.0), asked.map(|asked| asked.1));
            Own { channels, count, rates: Vec::new() }
        }
        // “plughw” converts poorly and does anything; the same card's “hw” tells the truth.
        Some(("alsa", name)) => match name.strip_prefix("plughw:") {
            Some(card) => hardware(card, kind).unwrap_or_default(),
            None => Own { channels: Some(USUAL), ..Own::default() },
        },
        _ => {
            let config = match kind {
                DeviceKind::Speaker => device.default_output_config(),
                _ => device.default_input_config(),
            };
            Own { channels: config.ok().map(|config| config.channels()), ..Own::default() }
        }
    }
}

/// What a sound card of ALSA does itself; `None` where it does not say so.
fn hardware(card: &str, kind: DeviceKind) -> Option<Own> {
    let id = DeviceId::from_str(&format!("alsa:hw:{card}")).ok()?;
    let device = cpal::host_from_id(id.host()).ok()?.device_by_id(&id)?;
    let ranges = ranges(&device, kind).ok().filter(|ranges| !ranges.is_empty())?;
    let most = ranges.iter().map(SupportedStreamConfigRange::channels).max();
    let channels = most.map(|most| if most < ANY { most } else { USUAL });
    let mut rates: Vec<_> = ranges.iter().map(|range| (range.min_sample_rate(), range.max_sample_rate())).collect();
    rates.sort_unstable();
    rates.dedup();
    Some(Own { channels, count: None, rates })
}

/// Periods of 10 ms where the device allows them.
fn periods(config: &SupportedStreamConfig) -> StreamConfig {
    let mut stream = config.config();
    let period = config.sample_rate() / 100;
    if let SupportedBufferSize::Range { min, max } = *config.buffer_size() {
        stream.buffer_size = BufferSize::Fixed(period.clamp(min, max.max(min)));
    }
    stream
}

/// Tries periods of 10 ms, then the driver's own.
pub(super) fn attempt<S>(
    config: &SupportedStreamConfig,
    with: impl Fn(StreamConfig) -> Result<S, Error>,
) -> Result<S, Error> {
    with(periods(config)).or_else(|error| match error.kind() {
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput => with(config.config()),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rate_of_a_device_is_taken_rather_above_than_below() {
        let of = |rates: &[(u32, u32)]| Own { rates: rates.to_vec(), ..Own::default() };
        assert_eq!(of(&[]).rate(48_000), 48_000);
        assert_eq!(of(&[(8_000, 192_000)]).rate(48_000), 48_000);
        assert_eq!(of(&[(44_100, 44_100), (96_000, 96_000)]).rate(48_000), 96_000);
        assert_eq!(of(&[(8_000, 8_000), (44_100, 44_100)]).rate(48_000), 44_100);
        assert_eq!(of(&[(8_000, 16_000)]).rate(48_000), 16_000);
    }
}
