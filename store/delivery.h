// Delivery of one message into many mailboxes: the last step of LMTP and of the store's channel.
//
// The message reaches the disk once per partition (hard links; a queue file on the partition's own file
// system is linked as it is), and all targets share one durable commit (of a message for hundreds, 64 at a
// time, so that descriptors do not run out). When deliver() answers ok for a target, the message is durable
// and visible there.
//
// Exactly once: a target's delivery_id (queue id, slash, recipient: anything that is the same when the
// delivery is repeated) is kept with the message. With may_repeat_since set, a message of that mailbox with the
// same id, and not older than that, is found again and answered as delivered, however many came behind it, also
// when its owner has expunged it meanwhile, until it is purged. So a master that died between the store's commit
// and its mark in the queue file repeats the delivery and nothing is there twice.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/net/workers.h"
#include "common/spool/message_file.h"
#include "store/mailbox.h"
#include "store/store.h"

namespace waxwing::store {

// No delivery is taken to be before its time by more than this, whatever the clock was set to since.
inline constexpr std::int64_t kClockDoubtSeconds = 3600;

// Exactly one of file and draft.
struct DeliveryMessage {
  const spool::MessageFile* file = nullptr;  // sealed and durable: linked where that can be
  Draft* draft = nullptr;                    // of Store::begin_delivery(); used up
  // Put in front of a file's message for everybody (Return-Path:), complete lines. It costs the link: the
  // message is written anew. A draft has it written first.
  std::string prefix;
  std::optional<std::int64_t> internal_date;  // seconds; now when absent
  std::string log_id;                         // kept with a draft's message: what the logs call it
};

struct DeliveryTarget {
  std::string user;  // uid[@domain], the store's user name
  std::string folder = "INBOX";
  bool create_folder = false;  // a missing folder: create it, or else deliver to INBOX. INBOX is always made
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  QuotaLimit limit;  // Store::default_quota() where the directory says nothing
  bool ignore_quota = false;
  std::string delivery_id;  // empty: no protection against repeats
  // The delivery may have been done before, but not before this (seconds since 1970): when the message came.
  std::optional<std::int64_t> may_repeat_since;
};

enum class Delivered {
  ok,
  repeated,    // was there already: as good as ok
  over_quota,  // does not fit now; 4xx or 5xx is the caller's policy (grace period)
  never_fits,  // larger than the whole quota: 5xx
  no_space,    // the disk is full: try again
  temporary,   // try again: the disk in trouble, stored away
  permanent,   // will never work: the text says why
};
struct DeliveryResult {
  Delivered outcome = Delivered::temporary;
  std::string text;     // reason, one line; empty when ok
  std::string mailbox;  // where it went, MailboxName::text()
  std::uint32_t uid = 0;
  bool fine() const { return outcome == Delivered::ok || outcome == Delivered::repeated; }
};

// Blocks. One result per target, in order. The same mailbox may stand in several targets.
std::vector<DeliveryResult> deliver(Store& store, const DeliveryMessage& message,
                                    const std::vector<DeliveryTarget>& targets);

// The same for coroutines: a worker finds the targets and puts the message in place, one of those whose messages
// wait makes them durable together, and publishes them. targets() may block; it is called once, on a worker, before the message is
// looked at. What message points to must live until the answer.
Task<std::vector<DeliveryResult>> deliver_on(WorkerPool& workers, Store& store,
                                             const DeliveryMessage& message,
                                             const std::function<std::vector<DeliveryTarget>()>& targets);

}  // namespace waxwing::store
