//! What a browser offers and we do not speak, put so that a call comes of it all the same.
//!
//! Pure text work on an offer, before anything is changed by it.

/// Of a picture offered in several sizes at once (simulcast, RFC 8853) keeps the first: an answer may take fewer
/// (§5.3.2). All else stays as it is.
pub fn one_layer(sdp: &str) -> String {
    if !sdp.contains("a=simulcast:") {
        return sdp.to_owned();
    }
    let mut kept: Option<&str> = None;
    let mut out = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        if line.starts_with("m=") {
            kept = None;
        }
        if let Some(rid) = line.strip_prefix("a=rid:").and_then(|rid| rid.split_whitespace().next())
            && *kept.get_or_insert(rid) != rid
        {
            continue;
        }
        match (line.strip_prefix("a=simulcast:"), kept) {
            (Some(_), Some(rid)) => {
                out.push_str("a=simulcast:send ");
                out.push_str(rid);
            }
            (Some(_), None) => continue,
            (None, _) => out.push_str(line),
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_layers_the_first_is_kept() {
        let offer = "v=0\r\nm=audio 9\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\na=rid:h send\r\na=rid:m send\r\na=rid:l send\r\n\
                     a=simulcast:send h;m;l\r\na=rtcp-mux\r\nm=video 9\r\na=rid:x send\r\na=simulcast:send x\r\n";
        let wanted = "v=0\r\nm=audio 9\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\na=rid:h send\r\na=simulcast:send h\r\n\
                      a=rtcp-mux\r\nm=video 9\r\na=rid:x send\r\na=simulcast:send x\r\n";
        assert_eq!(one_layer(offer), wanted);
    }

    #[test]
    fn other_offers_stay_as_they_are() {
        for offer in ["v=0\r\nm=video 9\r\na=rid:h recv\r\n", "", "v=0\nm=audio 9\n"] {
            assert_eq!(one_layer(offer), offer);
        }
        assert_eq!(one_layer("m=video 9\r\na=simulcast:send ~\r\na=mid:1\r\n"), "m=video 9\r\na=mid:1\r\n");
    }
}
