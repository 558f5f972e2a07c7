//! What was found, for people: a table, what is the matter, and lines for the configuration.

use std::fmt;

use edge_core::onvif::device::{Device, Stream};

use super::Discovery;
use crate::doctor::text::matter;

/// The columns of a device's streams; the address comes last.
const HEADINGS: [&str; 6] = ["profile", "codec", "size", "rate", "kbit/s", "address"];

impl fmt::Display for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.devices.len() {
            0 => writeln!(f, "No device")?,
            1 => writeln!(f, "1 device")?,
            n => writeln!(f, "{n} devices")?,
        }
        for one in &self.devices {
            device(f, one)?;
        }
        for finding in &self.findings {
            matter(f, finding)?;
        }
        if !self.config.is_empty() {
            writeln!(f, "\nFor the configuration:\n\n{}", self.config.trim_end())?;
        }
        Ok(())
    }
}

fn device(f: &mut fmt::Formatter<'_>, device: &Device) -> fmt::Result {
    write!(f, "\n{}  {}", device.address, device.title())?;
    let model = device.model.as_deref().filter(|model| *model != device.title());
    let made: Vec<&str> = [device.maker.as_deref(), model].into_iter().flatten().collect();
    if !made.is_empty() {
        write!(f, ", {}", made.join(" "))?;
    }
    if let Some(firmware) = &device.firmware {
        write!(f, ", firmware {firmware}")?;
    }
    writeln!(f)?;
    if !device.streams.is_empty() {
        table(f, &device.streams)?;
    }
    device.findings.iter().try_for_each(|finding| matter(f, finding))
}

fn table(f: &mut fmt::Formatter<'_>, streams: &[Stream]) -> fmt::Result {
    let rows: Vec<[String; 6]> = std::iter::once(HEADINGS.map(str::to_owned)).chain(streams.iter().map(row)).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn row(stream: &Stream) -> [String; 6] {
    let coding = &stream.coding;
    let number = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        stream.profile.clone(),
        coding.codec.clone(),
        if coding.pixels() > 0 { format!("{}x{}", coding.width, coding.height) } else { number(None) },
        number(coding.rate_hz.map(|hz| hz.to_string())),
        number(coding.kbit_s.map(|kbit| kbit.to_string())),
        stream.shown.clone().unwrap_or_else(|| "not told".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use edge_core::onvif::advice;
    use edge_core::onvif::device::Coding;

    use super::*;

    #[test]
    fn a_device_is_a_table() {
        let mut device = Device::at("192.0.2.20".to_owned());
        (device.name, device.maker) = (Some("Door".to_owned()), Some("ACME".to_owned()));
        (device.model, device.firmware) = (Some("X-1".to_owned()), Some("1.2".to_owned()));
        let coding = Coding { codec: "H264".into(), width: 1920, height: 1080, rate_hz: Some(25.0), kbit_s: None };
        let shown = Some("rtsp://192.0.2.20/1".to_owned());
        device.streams.push(Stream { profile: "Main".to_owned(), source: None, coding, url: None, shown });
        let config = "[[camera]]\n\n".to_owned();
        let discovery = Discovery { devices: vec![device], findings: vec![advice::too_many(3)], config };
        let text = discovery.to_string();
        let expected = "1 device\n\n192.0.2.20  Door, ACME X-1, firmware 1.2\n\
            \x20 profile  codec  size       rate  kbit/s  address\n\
            \x20 Main     H264   1920x1080  25    -       rtsp://192.0.2.20/1\n\n\
            WARNING too_many\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("\nFor the configuration:\n\n[[camera]]\n"), "{text}");
    }
}
