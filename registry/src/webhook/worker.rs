//! The thread that empties the queue.
//!
//! It looks at the queue from time to time, for other processes fill it too. What it has taken
//! when it ends is due again a while later, so nothing is lost and a message may come twice.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use super::delivery::{Claim, Delivery, Outcome};
use super::entity::WebhookId;
use super::retry::millis;
use super::sender::Sender;
use super::store::WebhookStore;
use crate::error::{Error, Result};

/// What is added to a request's time before somebody else may think that its sender died.
const CLAIM_MARGIN: Duration = Duration::from_secs(10);
/// How often old failures are forgotten.
const PRUNE_PAUSE: Duration = Duration::from_secs(600);

/// Delivers what a store has queued for its webhooks, until it is dropped.
#[derive(Debug)]
pub struct DeliveryWorker {
    signals: mpsc::UnboundedSender<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Signal {
    /// Look at the queue now.
    Look,
    /// A webhook has no message of its own under way any longer.
    Done(WebhookId),
    Stop,
}

impl DeliveryWorker {
    /// Starts delivering on a thread of its own.
    ///
    /// # Errors
    /// [`Error::Backend`] when there is no thread for it.
    pub fn start(store: Arc<dyn WebhookStore>, sender: Arc<Sender>) -> Result<Self> {
        let failed = |error| Error::backend("cannot start the delivery of webhooks", error);
        let runtime = Builder::new_current_thread()
            .thread_name("webhooks")
            .enable_all()
            .build()
            .map_err(failed)?;
        let (signals, inbox) = mpsc::unbounded_channel();
        let queue = Queue {
            store,
            sender,
            signals: signals.clone(),
            busy: Vec::new(),
            running: JoinSet::new(),
            pruned: None,
        };
        let thread = thread::Builder::new()
            .name("webhook queue".to_owned())
            .spawn(move || run(runtime, queue, inbox))
            .map_err(failed)?;
        Ok(Self { signals, thread: Some(thread) })
    }

    /// Makes it look at the queue now, instead of a moment later.
    pub fn wake(&self) {
        let _ = self.signals.send(Signal::Look);
    }
}

impl Drop for DeliveryWorker {
    fn drop(&mut self) {
        let _ = self.signals.send(Signal::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(runtime: Runtime, queue: Queue, inbox: mpsc::UnboundedReceiver<Signal>) {
    runtime.block_on(queue.serve(inbox));
    // A name that is being looked up would be waited for.
    runtime.shutdown_background();
}

struct Queue {
    store: Arc<dyn WebhookStore>,
    sender: Arc<Sender>,
    signals: mpsc::UnboundedSender<Signal>,
    busy: Vec<WebhookId>,
    running: JoinSet<()>,
    pruned: Option<Instant>,
}

impl Queue {
    async fn serve(mut self, mut inbox: mpsc::UnboundedReceiver<Signal>) {
        loop {
            self.prune().await;
            self.take().await;
            // Those that have ended leave their place.
            while self.running.try_join_next().is_some() {}
            match timeout(self.sender.settings().poll, inbox.recv()).await {
                Ok(Some(Signal::Stop) | None) => return,
                Ok(Some(Signal::Done(webhook))) => self.busy.retain(|busy| *busy != webhook),
                Ok(Some(Signal::Look)) | Err(_) => {}
            }
        }
    }

    /// Starts as many deliveries as may run at once.
    async fn take(&mut self) {
        // A webhook with a long queue may hide the others until it is busy.
        while self.take_some().await {}
    }

    /// Asks the store on another thread: this one drives the requests that are under way, whose
    /// time goes on while a store waits for a lock.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn WebhookStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.store);
        let asked = tokio::task::spawn_blocking(move || question(store.as_ref())).await;
        asked.unwrap_or_else(|error| Err(Error::backend("looking for messages to deliver", error)))
    }

    async fn take_some(&mut self) -> bool {
        let settings = self.sender.settings();
        let count = settings.webhooks_at_once.max(1).saturating_sub(self.busy.len());
        if count == 0 {
            return false;
        }
        let now_ms = self.sender.now_ms();
        let claim = Claim {
            now_ms,
            until_ms: now_ms.saturating_add(millis(settings.request_timeout + CLAIM_MARGIN)),
            count,
            busy: self.busy.clone(),
        };
        match self.ask(move |store| store.claim_deliveries(&claim)).await {
            Ok(taken) => {
                let is_some = !taken.is_empty();
                taken.into_iter().for_each(|delivery| self.deliver(delivery));
                is_some
            }
            Err(error) => {
                log(&error, "cannot read the queue of webhooks");
                false
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.busy.push(delivery.webhook.id.clone());
        let (store, sender, signals) =
            (Arc::clone(&self.store), Arc::clone(&self.sender), self.signals.clone());
        self.running.spawn(async move {
            let outcome = sender.attempt(&delivery).await;
            tell(&delivery, &outcome);
            let webhook = delivery.webhook.id;
            let settled = tokio::task::spawn_blocking(move || {
                if let Err(error) = store.settle_delivery(delivery.id, &outcome) {
                    log(&error, "cannot write the queue of webhooks");
                }
            });
            let _ = settled.await;
            let _ = signals.send(Signal::Done(webhook));
        });
    }

    async fn prune(&mut self) {
        if self.pruned.is_some_and(|last| last.elapsed() < PRUNE_PAUSE) {
            return;
        }
        self.pruned = Some(Instant::now());
        let settings = self.sender.settings();
        let before_ms = self.sender.now_ms().saturating_sub(millis(settings.failed_kept));
        let max = settings.failed_max;
        if let Err(error) = self.ask(move |store| store.prune_deliveries(before_ms, max)).await {
            log(&error, "cannot delete old failures of webhooks");
        }
    }
}

/// Logs what became of an attempt; the URL stays out, for it may hold a token.
fn tell(delivery: &Delivery, outcome: &Outcome) {
    let (webhook, name) = (delivery.webhook.id.as_str(), delivery.webhook.name.as_str());
    let (id, attempts) = (delivery.delivery_id.as_str(), delivery.attempts);
    match outcome {
        Outcome::Delivered => {
            tracing::debug!(webhook, name, id, attempts, "delivered a message to a webhook")
        }
        Outcome::Retry { reason, .. } => {
            tracing::debug!(
                webhook,
                name,
                id,
                attempts,
                reason,
                "will try again to deliver a message to a webhook"
            );
        }
        Outcome::Failed { reason, .. } => {
            tracing::warn!(
                webhook,
                name,
                id,
                attempts,
                reason,
                "cannot deliver a message to a webhook"
            );
        }
    }
}

fn log(error: &Error, what: &str) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "{what}");
}
