// qm read, history: one message after the other, and what became of it so far.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/next_try.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

using mta::queue::FileName;
using mta::queue::Reader;

namespace {
Result<> print_content(const Reader& reader) {
  for (std::uint64_t at = 0; at < reader.message_size();) {
    TRY(const auto piece, reader.read_message(at, 64 * 1024));
    print(replace_all(piece, "\r\n", "\n"));
    at += piece.size();
  }
  return {};
}
}  // namespace

Result<int> qm_read(const Context& context, Arguments arguments) {
  const bool content = arguments.take("content");
  std::string channel;
  arguments.take("channel", &channel);
  std::vector<std::string> words;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word()) words.push_back(word);
  TRY_VOID(arguments.finish(qm_usage("read")));
  if (words.empty()) return permanent("qm read wants the numbers or names of messages: see qm directory");
  const auto queue = open_queue(context);
  TRY(const auto names, select_messages(context, *queue, channel, words));
  int status = 0;
  for (const auto& name : names) {
    print("File: " + name.relative() + "\n");
    auto reader = Reader::open(*queue, name);
    if (!reader) {
      print("  damaged or gone: " + reader.error().text + "\n");
      status = 1;
      continue;
    }
    print(spool::dump(reader->file()));
    for (const auto& recipient : reader->envelope().recipients)
      print(fmt::format(
          "state of <{}>: {}, {} attempts, {} warnings{}\n", printable(recipient.address),
          status_text(recipient.progress), recipient.progress.attempts, recipient.progress.notices,
          recipient.progress.last_text.empty() ? "" : ": " + printable(recipient.progress.last_text)));
    const auto whole = reader->verify_message();
    if (!whole) print("damaged: " + whole.error().text + "\n"), status = 1;
    print("\n");
    if (content) {
      TRY_VOID(print_content(*reader));
    } else {
      TRY(const auto header, reader->read_header());
      print(replace_all(header, "\r\n", "\n"));
    }
  }
  return status;
}

namespace {

void print_history(const Context& context, const Reader& reader, const FileName& name) {
  auto reasons = why_it_waits(context, name);
  const auto& envelope = reader.envelope();
  print(fmt::format("\n{}\n  from <{}> by {} arrived {}{}\n", name.relative(), printable(envelope.sender),
                    envelope.source_channel, when(envelope.arrival_ms / 1000), name.held ? ", held" : ""));
  if (!envelope.held_reason.empty()) print("  held: " + printable(envelope.held_reason) + "\n");
  for (const auto& recipient : envelope.recipients) {
    const auto& so_far = recipient.progress;
    print(fmt::format("  to <{}>: {}, {} attempts, {} warnings\n", printable(recipient.address),
                      status_text(so_far), so_far.attempts, so_far.notices));
    if (so_far.attempts > 0)
      print(fmt::format("    {}  {}\n", when(so_far.last_attempt_ms / 1000), printable(so_far.last_text)));
    if (const auto& why = reasons[recipient.host];
        so_far.status == mta::queue::Status::pending && !why.empty())
      print("    " + why + "\n");
  }
}

void print_history_json(const Reader& reader, const FileName& name) {
  for (const auto& recipient : reader.envelope().recipients)
    JsonObject()
        .text("file", name.relative())
        .text("sender", reader.envelope().sender)
        .time("arrived", reader.envelope().arrival_ms / 1000)
        .text("recipient", recipient.address)
        .text("status", status_text(recipient.progress))
        .number("attempts", recipient.progress.attempts)
        .number("warnings", recipient.progress.notices)
        .time("last_attempt", recipient.progress.last_attempt_ms / 1000)
        .text("last_text", recipient.progress.last_text)
        .print();
}

}  // namespace

Result<int> qm_history(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json"), all = arguments.take("all");
  std::string channel;
  arguments.take("channel", &channel);
  std::vector<std::string> words;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word()) words.push_back(word);
  TRY_VOID(arguments.finish(qm_usage("history")));
  const auto queue = open_queue(context);
  TRY(const auto names, all_or_selected(context, *queue, channel, all, words, qm_usage("history")));
  int status = 0;
  for (const auto& name : names) {
    const auto reader = Reader::open(*queue, name);
    if (!reader) {
      std::fprintf(stderr, "%%QM-E-FAILED, %s: %s\n", name.relative().c_str(), reader.error().text.c_str());
      status = 1;
      continue;
    }
    json ? print_history_json(*reader, name) : print_history(context, *reader, name);
  }
  return status;
}

}  // namespace waxwing::imsimta
