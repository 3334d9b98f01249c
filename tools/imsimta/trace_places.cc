#include "common/base/strings.h"
#include "store/mailbox.h"
#include "tools/imsimta/next_try.h"
#include "tools/imsimta/queue_files.h"
#include "tools/imsimta/trace.h"
#include "tools/service/store_tool.h"

namespace waxwing::imsimta {

namespace {

using mta::queue::FileName;

void add_recipients(const Context& context, const mta::queue::Queue& queue, const FileName& name,
                    std::vector<Waiting>& all) {
  const auto reader = mta::queue::Reader::open(queue, name);
  if (!reader) return;
  auto reasons = why_it_waits(context, name);
  for (const auto& recipient : reader->envelope().recipients) {
    const auto& progress = recipient.progress;
    if (progress.status == mta::queue::Status::pending)
      all.push_back({name.id, name.relative(), recipient.address, progress.last_text, progress.attempts,
                     name.held, progress.give_back, reasons[recipient.host]});
  }
}

std::string flags_text(const store::MessageInfo& message) {
  constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {{store::kSeen, "\\Seen"},
                                                                   {store::kAnswered, "\\Answered"},
                                                                   {store::kFlagged, "\\Flagged"},
                                                                   {store::kDeleted, "\\Deleted"},
                                                                   {store::kDraft, "\\Draft"}};
  std::string text;
  for (const auto& [bit, name] : kNames)
    if (message.flags & bit) text.append(text.empty() ? "" : " ").append(name);
  return text.empty() ? "not seen yet" : text;
}

Result<std::string> state_of(store::Store& store, const Stored& place) {
  TRY(const auto name, store::MailboxName::parse(place.mailbox));
  TRY(const auto mailbox, store.open_mailbox(name));
  TRY(const auto view, mailbox->view(false));
  const auto sequence = view->sequence_of(place.uid);
  if (sequence == 0) return std::string("not there any more");
  return flags_text(view->message(sequence));
}

}  // namespace

Result<std::vector<Waiting>> still_queued(const Context& context, const TraceIds& ids) {
  std::vector<Waiting> all;
  const auto queue = open_queue(context);
  TRY(const auto channels, queue->channels());
  for (const auto& channel : channels)
    TRY_VOID(queue->scan(channel, [&](const FileName& name) {
      if (ids.messages.contains(name.id)) add_recipients(context, *queue, name, all);
      return true;
    }));
  return all;
}

std::vector<Stored> find_in_store(const Context& context, const std::vector<LoggedEvent>& events) {
  std::vector<Stored> all;
  for (const auto& event : events) {
    const auto uid = to_number<std::uint32_t>(event.field("uid"));
    if (event.name == "mta.delivered" && uid)
      all.push_back({std::string(event.field("qid")), std::string(event.field("mailbox")), {}, *uid});
  }
  if (all.empty()) return all;
  const auto store = open_store(context.root, "imsimta");
  for (auto& place : all) {
    const auto state = store ? state_of(**store, place) : std::unexpected(store.error());
    place.state = state ? *state : std::string("not known: ").append(store::text_of(state.error()));
  }
  return all;
}

}  // namespace waxwing::imsimta
