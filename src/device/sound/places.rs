//! Where the channels of a sound server's microphone are said to be, and with how many channels to ask for it, so that
//! each arrives as it is.
//!
//! A server (PulseAudio, PipeWire) brings channels to those that are asked for by their places: what has no place there
//! is mixed into others or lost. cpal asks for fixed places by the number of channels; so that number is taken whose
//! places hold all of the device's own.

use std::ffi::CString;

use pulseaudio::protocol::ChannelPosition::{self, *};

/// The places cpal asks for with 1 to 8 channels, 10 and 12; others are numbered inputs ([`Aux0`] and on).
const PLACES: [&[ChannelPosition]; 12] = [
    &[Mono],
    &[FrontLeft, FrontRight],
    &[FrontLeft, FrontRight, FrontCenter],
    &[FrontLeft, FrontRight, RearLeft, RearRight],
    &[FrontLeft, FrontRight, FrontCenter, RearLeft, RearRight],
    &[FrontLeft, FrontRight, FrontCenter, Lfe, RearLeft, RearRight],
    &[FrontLeft, FrontRight, FrontCenter, Lfe, RearLeft, RearRight, RearCenter],
    &[FrontLeft, FrontRight, FrontCenter, Lfe, RearLeft, RearRight, SideLeft, SideRight],
    &NUMBERED,
    &[FrontLeft, FrontRight, FrontCenter, Lfe, RearLeft, RearRight, SideLeft, SideRight, TopFrontLeft, TopFrontRight],
    &NUMBERED,
    &[
        FrontLeft,
        FrontRight,
        FrontCenter,
        Lfe,
        RearLeft,
        RearRight,
        SideLeft,
        SideRight,
        TopFrontLeft,
        TopFrontRight,
        TopRearLeft,
        TopRearRight,
    ],
];

const NUMBERED: [ChannelPosition; 16] =
    [Aux0, Aux1, Aux2, Aux3, Aux4, Aux5, Aux6, Aux7, Aux8, Aux9, Aux10, Aux11, Aux12, Aux13, Aux14, Aux15];

/// The fewest channels with which all of these places are asked for; `None` where there are none such.
fn asking_for(own: &[ChannelPosition]) -> Option<u16> {
    let places = |count: usize| match PLACES.get(count - 1) {
        Some(places) => &places[..places.len().min(count)],
        None => &NUMBERED[..count.min(NUMBERED.len())],
    };
    let holds = |count: &usize| own.iter().all(|place| places(*count).contains(place));
    (1..=NUMBERED.len()).filter(|_| !own.is_empty()).find(holds).and_then(|count| u16::try_from(count).ok())
}

/// With how many channels to ask the server for the source of this name, and how many it has itself. `None`: it does not
/// say, or there is no such number. Blocks for as long as the server takes.
pub(super) fn channels_of(source: &str) -> Option<(u16, u16)> {
    let client = pulseaudio::Client::from_env(c"Visavis").ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let source = runtime.block_on(client.source_info_by_name(CString::new(source).ok()?)).ok()?;
    let own: Vec<ChannelPosition> = (&source.channel_map).into_iter().collect();
    Some((asking_for(&own)?, u16::try_from(own.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_a_device_has_is_asked_for() {
        for (own, channels) in [
            (&[Mono][..], Some(1)),
            (&[FrontLeft, FrontRight], Some(2)),
            (&[FrontLeft], Some(2)),
            (&[FrontLeft, FrontRight, RearLeft, RearRight], Some(4)),
            (&[FrontLeft, FrontCenter, FrontRight, RearCenter], Some(7)),
            (&[Aux0, Aux1, Aux2, Aux3], Some(9)),
            (&[Aux0, Aux9], Some(11)),
            (&[Aux11], Some(13)),
            (&[TopCenter], None),
            (&[], None),
        ] {
            assert_eq!(asking_for(own), channels, "{own:?}");
        }
    }
}
