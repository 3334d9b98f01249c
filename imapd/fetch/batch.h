// What a FETCH needs of its messages, some messages at a time.
//
// Flags, envelopes, structures and cached header fields come from mapped records, on the loop, with no file
// opened. Text is read by a worker: up to kBatchMessages small messages in one hop, and never more than
// kBatchBytes of it in memory; what is larger is told as an extent and streamed when its turn comes.
#pragma once

#include <span>

#include "imapd/fetch/source.h"
#include "imapd/session.h"

namespace waxwing::imap {

inline constexpr std::size_t kBatchMessages = 16;
inline constexpr std::size_t kBatchBytes = 256 * 1024;

struct FetchPlan {
  FetchRequest fetch;
  bool from_cache_only = false;  // no message file is needed
  bool needs_cache = false;
  bool index_suffices = false;     // and not even the cache
  std::vector<std::string> names;  // of the items with bytes, as their answer begins: "BODY[1]<0> "
  static FetchPlan of(FetchRequest request);
};

// Everything one message's line is made of.
struct Material {
  store::CachedMessage cached;
  FetchedMessage fetched;
};

// On the loop: from index and cache alone. Nothing when that is not enough.
std::optional<Material> material_now(store::Mailbox& mailbox, const FetchPlan& plan,
                                     const store::MessageInfo& message);
// Blocks.
Result<Material> read_material(store::Mailbox& mailbox, const FetchPlan& plan,
                               const store::MessageInfo& message);

struct Wanted {
  std::uint32_t sequence = 0;
  store::MessageInfo message;
};
// Reads what the first ones of `wanted` need, at least one's, in one hop to a worker.
Task<std::vector<Result<Material>>> read_batch(Session& session, const FetchPlan& plan,
                                               std::span<const Wanted> wanted);

}  // namespace waxwing::imap
