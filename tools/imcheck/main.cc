// imcheck(1): what is in a mailbox's index, as text. Reads only; with -D stored need not run.
#include <fmt/core.h>
#include <getopt.h>

#include <algorithm>
#include <cstring>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/daemon/instance_journal.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/mailbox/index.h"
#include "store/mailbox/next_index.h"
#include "tools/options/option_file.h"
#include "tools/service/command_line.h"
#include "tools/service/owner.h"

namespace waxwing {
namespace {

using namespace store;

constexpr const char* kUsage =
    "usage: imcheck [--instance DIR] -m mailbox     index of user/<uid>[@domain]/<folder>\n"
    "       imcheck -D directory                    index in that directory";

std::string flags_text(std::uint32_t flags) {
  std::string text;
  const std::pair<std::uint32_t, const char*> names[] = {
      {kSeen, "seen"},   {kAnswered, "answered"}, {kFlagged, "flagged"},   {kDeleted, "deleted"},
      {kDraft, "draft"}, {kExpunged, "EXPUNGED"}, {kReserved, "RESERVED"}, {kVoid, "VOID"}};
  for (const auto& [bit, name] : names)
    if (flags & bit) text += (text.empty() ? "" : ",") + std::string(name);
  return text.empty() ? "-" : text;
}

void print_header(const IndexHeader& header) {
  fmt::print("version: {}\nmailbox-id: {}\nuidvalidity: {}\ngeneration: {}\ncreated: {}\n", header.version,
             header.mailbox_id, header.uidvalidity, header.generation, iso_timestamp(header.created * 1000));
  fmt::print("state:{}{}{}\n", header.state & kSuperseded ? " superseded" : "",
             header.state & kMailboxGone ? " deleted" : "", header.state == 0 ? " in use" : "");
  fmt::print("slots: {} visible, {} taken, {} allocated, {} dead\n", header.count, header.tail,
             header.capacity, header.dead_count);
  fmt::print(
      "messages: {}\nunseen: {}\ndeleted: {}\nbytes: {}\nuidnext: {}\nhighestmodseq: {}\nrecent-uid: {}\n",
      header.messages, header.unseen, header.deleted, header.bytes, header.public_next_uid,
      header.highestmodseq, header.recent_uid);
}

// Answers false when the record's checksum does not hold, or its message has no file.
bool print_record(const IndexRecord& record, std::uint32_t slot, const std::string& directory) {
  const auto moving = read_moving(record);
  const bool whole = record.fixed_hash == fixed_hash(record);
  const bool dead = moving.flags & kDead;
  // A writer puts the file of what it has reserved in place behind the reservation.
  const bool complete =
      dead || (moving.flags & kReserved) != 0 || file_exists(message_path(directory, record.uid));
  std::string keywords;
  for (std::size_t n = 0; n < kMaxKeywords; ++n)
    if (moving.keywords.has(n)) keywords += (keywords.empty() ? "" : ",") + std::to_string(n);
  fmt::print("slot {} uid {} modseq {} size {} date {} {} {} flags {} keywords {} cache {}{}{}\n", slot,
             record.uid, moving.modseq, record.size, iso_timestamp(record.internal_date * 1000),
             email_id_text(record.email_id), thread_id_text(record.thread_id), flags_text(moving.flags),
             keywords.empty() ? "-" : keywords, record.cache_offset, whole ? "" : " DAMAGED",
             complete ? "" : " NO FILE");
  return whole && complete;
}

Result<int> dump(const std::string& directory) {
  TRY(const auto index, Index::open(directory));
  const auto& header = index->header();
  print_header(header);
  const auto map = index->map(load(header.tail));
  for (std::size_t n = 0; n < std::min<std::size_t>(header.keyword_count, kMaxKeywords); ++n)
    fmt::print("keyword {}: {}\n", n,
               std::string(map->keyword(n), ::strnlen(map->keyword(n), kKeywordBytes)));
  int damaged = 0;
  for (std::uint32_t slot = 0; slot < std::min(load(header.tail), map->slots()); ++slot)
    damaged += !print_record(map->record(slot), slot, directory);
  TRY(const auto purged, read_purged(directory));
  for (const auto& message : purged) fmt::print("purged uid {} modseq {}\n", message.uid, message.modseq);
  return damaged == 0 ? 0 : 1;
}

Result<int> run(int argc, char** argv) {
  static const option kLong[] = {{"instance", required_argument, nullptr, 'I'}, {nullptr, 0, nullptr, 0}};
  std::string instance, mailbox, directory;
  ::opterr = 0;
  for (int letter; (letter = ::getopt_long(argc, argv, "m:D:", kLong, nullptr)) != -1;) {
    if (letter == '?') return permanent(kUsage);
    (letter == 'I' ? instance : letter == 'm' ? mailbox : directory) = ::optarg;
  }
  if (::optind != argc || mailbox.empty() == directory.empty()) return permanent(kUsage);
  if (!directory.empty()) return dump(directory);
  TRY(const auto name, MailboxName::parse(mailbox));
  TRY(const auto root, find_instance(instance));
  TRY_VOID(become_owner_of(root));
  TRY(const auto config, load_for_tool(root, "imcheck", {"store.", "journal."}));
  TRY_VOID(open_instance_journal_until_exit(*config));
  TRY(const auto store, Store::open(config));
  TRY(const auto entry, store->find(name));
  return dump(entry.directory);
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  if (waxwing::only_asks_for_help(argc, argv)) {
    std::puts(waxwing::kUsage);
    return 0;
  }
  const auto outcome = waxwing::run(argc, argv);
  if (outcome) return *outcome;
  fmt::print(stderr, "imcheck: {}\n", waxwing::store::text_of(outcome.error()));
  return 2;
}
