// qm damaged: what nobody delivers because it cannot be read. From the tree, so it works with every daemon down.
#include <fmt/format.h>

#include <array>

#include "common/base/strings.h"
#include "mta/queue/damaged.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

using mta::queue::DamagedFile;
using State = DamagedFile::State;

namespace {

const char* word_of(const DamagedFile& file) {
  switch (file.state) {
    case State::aside:
      return file.why.empty() ? "readable" : "aside";
    case State::unreadable:
      return "unreadable";
    case State::strange:
      return "strange";
  }
  return "";
}

std::string state_of(const DamagedFile& file) {
  const auto since = file.since == 0 ? std::string() : ", " + when(file.since);
  switch (file.state) {
    case State::aside:
      return "set aside" + since;
    case State::unreadable:
      return "unreadable where it is" + since;
    case State::strange:
      return "not looked at" + since;
  }
  return "";
}

// As the sender gave it: mail for the store goes by another address.
std::string_view given(const mta::queue::Recipient& recipient) {
  constexpr std::string_view kType = "rfc822;";
  std::string_view text = recipient.original;
  if (istarts_with(text, kType)) text.remove_prefix(kType.size());
  return text.empty() ? std::string_view(recipient.address) : text;
}

void print_damaged(const DamagedFile& file) {
  print(fmt::format("\n{}\n  channel {}, {} K, {}\n", file.path, file.channel.empty() ? "?" : file.channel,
                    kilobytes(file.bytes), state_of(file)));
  print("  " +
        (file.why.empty() ? "It can be read now, and nothing is wrong with it." : printable(file.why)) +
        "\n");
  if (!file.envelope) return;
  print(fmt::format("  {}, from <{}>, arrived {}\n", file.envelope->queue_id,
                    printable(file.envelope->sender), when(file.envelope->arrival_ms / 1000)));
  for (const auto& recipient : file.envelope->recipients)
    print(fmt::format("  to <{}>: {}\n", printable(given(recipient)), status_text(recipient.progress)));
}

void print_damaged_json(const DamagedFile& file) {
  JsonObject object;
  object.text("path", file.path)
      .text("channel", file.channel)
      .text("file", file.home)
      .text("state", word_of(file))
      .number("bytes", static_cast<std::int64_t>(file.bytes))
      .time("since", file.since)
      .text("why", file.why);
  if (file.envelope) {
    std::vector<std::string> recipients;
    for (const auto& recipient : file.envelope->recipients) recipients.emplace_back(given(recipient));
    object.text("id", file.envelope->queue_id)
        .text("sender", file.envelope->sender)
        .texts("recipients", recipients);
  }
  object.print();
}

// What is there of each kind, by DamagedFile::State.
using Counts = std::array<std::size_t, 3>;

void print_advice(const Counts& counts, const std::string& queue) {
  const auto of = [&](State state) { return counts[static_cast<std::size_t>(state)]; };
  if (of(State::aside) > 0)
    print(
        "\nWhat is set aside is not delivered, and nobody was told. The disk has damaged it, unless the host "
        "has just "
        "come up after\na power cut and nobody was promised it: see what the kernel's log says of that disk. "
        "The file "
        "begins with the message\nas it was sent, and what is left can be read there. When it is whole "
        "again, from a "
        "backup or because the disk is, move\nit back: .damaged/CHANNEL_NNN_NAME to " +
        queue +
        "/CHANNEL/NNN/NAME, then imsimta cache -sync. Else tell its\nsender or its recipients, and remove "
        "it.\n");
  if (of(State::unreadable) > 0)
    print(
        "\nWhat cannot be read where it is stays in the queue and is tried at each look at the tree "
        "(SYNCH_TIME of "
        "job_controller.cnf).\nSee to the disk, or to owner and rights of the file; then imsimta cache "
        "-sync.\n");
  if (of(State::strange) > 0)
    print(
        "\nNobody looks at a name that is none of a queue file. Give it the name it had, see "
        "queue-format(5), or move it "
        "out of the queue.\n");
}

}  // namespace

Result<int> qm_damaged(const Context& context, Arguments arguments) {
  const bool verify = arguments.take("verify"), json = arguments.take("json");
  const auto channel = to_lower(arguments.take_word());
  TRY_VOID(arguments.finish(qm_usage("damaged")));
  const auto queue = open_queue(context);
  Counts counts{};
  TRY_VOID(mta::queue::find_damaged(*queue, channel, verify, [&](const DamagedFile& file) {
    counts[static_cast<std::size_t>(file.state)] += 1;
    json ? print_damaged_json(file) : print_damaged(file);
  }));
  const auto all = counts[0] + counts[1] + counts[2];
  if (!json) {
    print_advice(counts, queue->directory());
    print(fmt::format("{}{} damaged\n", all == 0 ? "" : "\n", all));
  }
  return all == 0 ? 0 : 1;
}

}  // namespace waxwing::imsimta
