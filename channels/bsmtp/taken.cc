#include "channels/bsmtp/taken.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "common/base/is_there.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::channels {

namespace {
constexpr std::string_view kFirst = "waxwing taken 1 ";
constexpr std::string_view kLast = "end";
constexpr std::size_t kMostBytes = 4 << 20;
constexpr std::string_view kDraft = ".draft-";

// "pid-...": of a program that died.
bool is_orphan(std::string_view draft) {
  const auto pid = to_number<pid_t>(draft.substr(0, draft.find('-')));
  return !pid || (*pid != ::getpid() && ::kill(*pid, 0) != 0 && errno == ESRCH);
}
}  // namespace

// "bsin_a/042/01J.00" without its slashes.
std::string Taken::path_of(const mta::queue::FileName& file) const {
  return folder_ + "/" + replace_all(file.key(), "/", "=");
}

Result<std::optional<Taken::Record>> Taken::of(const mta::queue::FileName& file) const {
  const auto path = path_of(file);
  TRY(const bool there, is_there(path));
  if (!there) return std::nullopt;
  TRY(const auto text, read_file(path, kMostBytes));
  auto lines = split(text, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  if (lines.size() < 2 || !lines.front().starts_with(kFirst) || lines.back() != kLast)
    return temporary(path + " is damaged: nobody knows whether the message has gone on. Look for it in " +
                     "mail.log_current; then remove that file, or the message");
  Record record{std::string(lines.front().substr(kFirst.size())), {}};
  for (std::size_t i = 1; i + 1 < lines.size(); ++i)
    if (const auto index = to_number<std::size_t>(lines[i])) record.recipients.push_back(*index);
  return record;
}

Result<TakenMark> Taken::prepare(const mta::queue::FileName& file, const std::string& queue_id,
                                 const std::vector<std::size_t>& recipients) const {
  TRY_VOID(make_directories(folder_, 0750));
  const auto path = path_of(file);
  const auto draft = path + std::string(kDraft) + std::to_string(::getpid()) + "-" + unique_id();
  std::string text = std::string(kFirst) + queue_id + "\n";
  for (const auto index : recipients) text.append(std::to_string(index)).append("\n");
  text.append(kLast).append("\n");
  TRY(auto fd, open_file(draft, O_RDWR | O_CREAT | O_EXCL, 0640));
  TakenMark mark(std::move(fd), draft, path);
  TRY_VOID(mark.write(text));
  return mark;
}

Result<> Taken::clean(const mta::queue::Queue& queue, const std::string& channel) const {
  if (!file_exists(folder_)) return {};
  TRY(const auto names, list_directory(folder_));
  std::set<std::string> there;  // of buckets that marks are about
  std::set<std::string> looked;
  for (const auto& name : names) {
    if (!name.starts_with(channel + "=")) continue;
    if (const auto draft = name.find(kDraft); draft != name.npos) {
      if (is_orphan(std::string_view(name).substr(draft + kDraft.size())))
        ::unlink((folder_ + "/" + name).c_str());
      continue;
    }
    const auto pieces = split(name, '=');
    if (pieces.size() != 3) continue;
    const std::string bucket(pieces[1]);
    if (looked.insert(bucket).second) {
      TRY(const auto files, queue.list_bucket(channel, bucket));
      for (const auto& file : files) there.insert(replace_all(file.key(), "/", "="));
    }
    if (!there.contains(name)) TRY_VOID(durable::remove(folder_ + "/" + name));
  }
  return {};
}

TakenMark::TakenMark(TakenMark&& other) noexcept
    : fd_(std::move(other.fd_)), draft_(std::exchange(other.draft_, "")), path_(std::move(other.path_)) {}

TakenMark::~TakenMark() {
  if (!draft_.empty()) ::unlink(draft_.c_str());
}

Result<> TakenMark::write(std::string_view text) {
  return write_all(fd_.get(), text);
}

// When the commit fails the name may be there all the same; then nothing else of it is, and the caller removes it.
void TakenMark::add_to(durable::Batch& batch) {
  batch.content(fd_.get(), path_).rename(draft_, path_);
  given_ = true;
}

void TakenMark::take_back() {
  if (given_) (void)durable::remove(path_);
}

}  // namespace waxwing::channels
