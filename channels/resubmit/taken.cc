#include "channels/resubmit/taken.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <set>

#include "channels/resubmit/open_now.h"
#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::channels {

using mta::queue::FileName;

namespace {
constexpr std::string_view kDraft = ".draft";
constexpr std::size_t kMostBytes = 64 << 20;
constexpr std::size_t kMostConfirmed = 5000;
// Much shorter than what nobody writes to is left in .tmp: a file that is not there any more has its name.
constexpr std::int64_t kYoungSeconds = 3600;

// "bsin_a/042/01J.00" without its slashes.
std::string flat(const FileName& file) {
  return replace_all(file.key(), "/", "=");
}

bool is_young(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && wall_seconds() - status.st_mtime < kYoungSeconds;
}

// One that is damaged says nothing of anybody: no program leaves such a one, but a cut in its commit may, or a disk that
// forgets.
Result<MarkRecord> read_mark(const std::string& path) {
  TRY(const auto text, read_file(path, kMostBytes));
  auto record = parse_mark(text);
  if (record) return record;
  log::Event("resubmit.mark.damaged").with("file", path).with("why", record.error().text).warning();
  return MarkRecord();
}
}  // namespace

Taken::Taken(std::shared_ptr<mta::queue::Queue> queue, std::string folder, const std::string& run)
    : queue_(std::move(queue)),
      folder_(std::move(folder)),
      run_(run.empty() ? "" : fmt::format("{:016x}", XXH3_64bits(run.data(), run.size()))) {}

std::string Taken::name_of(const Unit& unit, unsigned number) const {
  return fmt::format("{}={}.{}", flat(unit.file), unit.first, number);
}

std::string Taken::draft_of(const std::string& name) const {
  return path_of(name) + std::string(kDraft);
}

Result<Taken::GoneOn> Taken::of(const Unit& unit, const Recipients& recipients) {
  const auto asked = [&](std::size_t index) {
    return std::ranges::find(recipients, index) != recipients.end();
  };
  GoneOn gone;
  for (unsigned number = 1;; ++number) {
    const auto name = name_of(unit, number);
    TRY(bool there, is_there(path_of(name)));
    if (!there) {
      TRY(there, take_up_draft(name));
    }
    if (!there) return gone;
    TRY(const auto record, read_mark(path_of(name)));
    if (std::ranges::none_of(record.recipients, asked)) continue;
    TRY(const bool counts, holds(name, record));
    for (const auto index : record.recipients)
      if (counts && asked(index)) gone.emplace(index, record.queue_id);
  }
}

// Whoever wrote it died. True: its commit had begun with the first mark, and now this one is there too.
Result<bool> Taken::take_up_draft(const std::string& name) {
  const auto draft = draft_of(name);
  TRY(const bool there, is_there(draft));
  if (!there) return false;
  TRY(const auto text, read_file(draft, kMostBytes));
  const auto record = parse_mark(text).value_or(MarkRecord());
  TRY(const auto first, first_of(record));
  if (first) {
    TRY(const bool counts, holds(record.behind, *first));
    if (counts) return is_there(path_of(name));
  }
  ::unlink(draft.c_str());
  return false;
}

// The first mark of the commit, if that is another and still there.
Result<std::optional<MarkRecord>> Taken::first_of(const MarkRecord& record) const {
  if (record.behind.empty()) return std::nullopt;
  TRY(const bool there, is_there(path_of(record.behind)));
  if (!there) return std::nullopt;
  TRY(auto first, read_mark(path_of(record.behind)));
  return first.queue_id == record.queue_id ? std::optional(std::move(first)) : std::nullopt;
}

Result<bool> Taken::holds(const std::string& name, const MarkRecord& record) {
  if (is_confirmed(record.queue_id)) return true;
  TRY(const auto first, first_of(record));
  if (first) return holds(record.behind, *first);
  const bool same_run = !run_.empty() && record.run == run_ && is_young(path_of(name));
  if (same_run) {
    TRY_VOID(publish_rest(record));
  } else {
    TRY(const bool queued, is_queued(record));
    if (!queued) return false;
  }
  TRY_VOID(publish_drafts(record));
  TRY_VOID(make_durable(record));
  confirm(record.queue_id);
  log::Event("resubmit.gone_on").with("mark", path_of(name)).with("as", record.queue_id).notice();
  return true;
}

// All of it, and whole.
Result<bool> Taken::is_queued(const MarkRecord& record) const {
  for (const auto& file : record.files) {
    const auto opened = open_now(*queue_, file.name, HeldOnes::too);
    const auto whole = opened ? opened->verify_message() : std::unexpected(opened.error());
    if (!whole && whole.error().fault == Fault::temporary) return std::unexpected(whole.error());
    if (!whole) return false;
  }
  return true;
}

// What somebody had begun, and died.
Result<> Taken::publish_rest(const MarkRecord& record) const {
  durable::Batch batch;
  std::vector<UniqueFd> files;
  for (const auto& file : record.files) {
    const auto from = queue_->path_of(file.temporary), to = queue_->path_of(file.name);
    TRY(const bool waits, is_there(from));
    if (!waits) continue;
    TRY(auto opened, open_file(from, O_RDONLY | O_NOFOLLOW));
    TRY_VOID(queue_->ensure_bucket(file.name.channel, file.name.bucket, batch));
    batch.content(opened.get(), to).rename(from, to);
    files.push_back(std::move(opened));
  }
  return durable::commit(std::move(batch));
}

Result<> Taken::publish_drafts(const MarkRecord& record) const {
  durable::Batch batch;
  std::vector<UniqueFd> files;
  for (const auto& name : record.with) {
    const auto draft = draft_of(name);
    TRY(const bool waits, is_there(draft));
    if (!waits) continue;
    TRY(auto opened, open_file(draft, O_RDONLY | O_NOFOLLOW));
    batch.content(opened.get(), path_of(name)).rename(draft, path_of(name));
    files.push_back(std::move(opened));
  }
  return durable::commit(std::move(batch));
}

// Who died may have told nobody of the names it made: neither the journal nor the job controller.
Result<> Taken::make_durable(const MarkRecord& record) const {
  TRY_VOID(durable::settle());
  std::set<std::string> folders{folder_};
  for (const auto& file : record.files) folders.insert(parent_directory(queue_->path_of(file.name)));
  durable::Batch batch;
  for (const auto& folder : folders) batch.directory(folder);
  TRY_VOID(durable::commit(std::move(batch)));
  for (const auto& file : record.files)
    if (!file.name.held)
      queue_->tell_job_controller(waxwing::Record("enqueued").set("look", file.name.relative()));
  return {};
}

bool Taken::is_confirmed(const std::string& queue_id) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(confirmed_, queue_id) != confirmed_.end();
}

void Taken::confirm(const std::string& queue_id) {
  const std::lock_guard lock(mutex_);
  confirmed_.push_front(queue_id);
  if (confirmed_.size() > kMostConfirmed) confirmed_.pop_back();
}

// What stays is for clean().
void Taken::forget(const Unit& unit) const {
  for (unsigned number = 1;; ++number) {
    const auto path = path_of(name_of(unit, number));
    if (!file_exists(path) || !durable::remove_for_ever(path)) return;
  }
}

Result<> Taken::clean(const std::string& channel) const {
  TRY(const auto names, list_if_there(folder_));
  std::set<std::string> there;  // of buckets that marks are about
  std::set<std::string> looked;
  for (const auto& name : names) {
    if (!name.starts_with(channel + "=")) continue;
    const auto pieces = split(name, '=');
    if (pieces.size() != 4) continue;
    const std::string bucket(pieces[1]);
    if (looked.insert(bucket).second) {
      TRY(const auto files, queue_->list_bucket(channel, bucket));
      for (const auto& file : files) there.insert(flat(file));
    }
    if (!there.contains(name.substr(0, name.rfind('=')))) TRY_VOID(durable::remove_for_ever(path_of(name)));
  }
  return {};
}

}  // namespace waxwing::channels
