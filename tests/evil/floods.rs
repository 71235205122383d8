//! What of a flood reaches the operator.

use std::sync::{Arc, Mutex};

use tidelake_plugin::Interruption;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::attack::by;

/// Keeps the messages of plugins.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tidelake::plugin"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().expect("log").push(message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn of_a_hundred_thousand_messages_a_few_are_kept_and_the_rest_is_counted() {
    let log = Log::default();
    let attack = by("log-flood");
    let (_dir, host) = attack.host(Interruption::default());
    tracing::subscriber::with_default(log.clone(), || attack.once(&host));
    let lines = log.0.lock().expect("log");
    assert_eq!(lines.len(), 65, "{lines:?}");
    assert!(lines[0].contains("all is well") && lines[0].contains("\\u{1b}[2J"), "{lines:?}");
    assert!(lines[64].contains("99936 more messages were dropped"), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(|c: char| c.is_control())), "{lines:?}");
}

#[test]
fn of_ten_thousand_metrics_the_first_few_are_kept() {
    let attack = by("metric-flood");
    let (_dir, host) = attack.host(Interruption::default());
    attack.once(&host);
    assert_eq!(host.stats()["evil"].metrics.len(), 64);
}
