#include "imapd/fetch/batch.h"

#include "common/base/time.h"

namespace waxwing::imap {
namespace {

constexpr std::int64_t kWorkerMs = 50;  // what a batch may keep a worker for, one message more or less

std::string item_name(const FetchItem& item) {
  if (item.kind == FetchKind::rfc822) return std::string(item.old_name) + " ";
  const bool section = item.kind == FetchKind::section;
  if (!section && item.kind != FetchKind::binary && item.kind != FetchKind::binary_size) return "";
  std::string name = section ? "BODY[" : item.kind == FetchKind::binary ? "BINARY[" : "BINARY.SIZE[";
  name += mail::format_section(item.section) + "]";
  if (item.partial) name += "<" + std::to_string(item.partial->offset) + ">";
  return name + " ";
}

}  // namespace

FetchPlan FetchPlan::of(FetchRequest request) {
  FetchPlan plan{.fetch = std::move(request)};
  const auto& fetch = plan.fetch;
  plan.from_cache_only = is_served_by_cache(fetch);
  plan.needs_cache = fetch.asks(FetchKind::envelope) || fetch.asks(FetchKind::body) ||
                     fetch.asks(FetchKind::body_structure) || (fetch.needs_message() && plan.from_cache_only);
  plan.index_suffices = plan.from_cache_only && !plan.needs_cache && !fetch.needs_message();
  for (const auto& item : fetch.items) plan.names.push_back(item_name(item));
  return plan;
}

std::optional<Material> material_now(store::Mailbox& mailbox, const FetchPlan& plan,
                                     const store::MessageInfo& message) {
  Material material;
  if (!plan.from_cache_only) return {};
  if (plan.needs_cache) {
    auto cached = mailbox.cached_now(message);
    if (!cached) return {};
    material.cached = std::move(*cached);
  }
  if (plan.fetch.needs_message()) material.fetched = fetch_from_cache(plan.fetch, material.cached);
  return material;
}

Result<Material> read_material(store::Mailbox& mailbox, const FetchPlan& plan,
                               const store::MessageInfo& message) {
  Material material;
  if (plan.needs_cache) {
    TRY(material.cached, mailbox.cached(message));
  }
  if (!plan.from_cache_only) {
    TRY(material.fetched, fetch_from_file(plan.fetch, mailbox, message));
  } else if (plan.fetch.needs_message()) {
    material.fetched = fetch_from_cache(plan.fetch, material.cached);
  }
  return material;
}

Task<std::vector<Result<Material>>> read_batch(Session& session, const FetchPlan& plan,
                                               std::span<const Wanted> wanted) {
  auto& mailbox = *session.selected()->mailbox;
  std::vector<Result<Material>> batch;
  auto work = [&] {
    const auto until_ms = monotonic_ms() + kWorkerMs;
    std::size_t bytes = 0;
    for (const auto& one : wanted) {
      batch.push_back(read_material(mailbox, plan, one.message));
      if (batch.back()) bytes += batch.back()->fetched.bytes_held();
      if (bytes >= kBatchBytes || batch.size() >= kBatchMessages || monotonic_ms() >= until_ms) return;
    }
  };
  co_await session.on_worker(work);
  co_return batch;
}

}  // namespace waxwing::imap
