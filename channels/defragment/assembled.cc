#include "channels/defragment/assembled.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/log/log.h"

namespace waxwing::channels {

namespace {
constexpr std::string_view kFirst = "waxwing assembled 1 ";
constexpr std::string_view kLast = "end";  // a file without it is not whole
constexpr std::size_t kMostBytes = 4 << 20;
constexpr std::size_t kKeyBytes = 64;
}  // namespace

Result<> Assembled::read() {
  TRY(const bool there, is_there(folder_));
  if (!there) return {};
  TRY(const auto names, list_directory(folder_));
  for (const auto& name : names) {
    const auto path = folder_ + "/" + name;
    if (name.size() != kKeyBytes) {  // a draft of a program that died
      (void)durable::remove(path);
      continue;
    }
    const auto text = read_file(path, kMostBytes);
    if (!text && text.error().fault == Fault::temporary) return std::unexpected(text.error());
    auto lines = text ? split(*text, '\n') : std::vector<std::string_view>();
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    if (lines.size() < 2 || !lines.front().starts_with(kFirst) || lines.back() != kLast) {
      log::Event("defragment.record.damaged").with("file", path).warning();
      (void)durable::remove(path);
      continue;
    }
    note(name, std::string(lines.front().substr(kFirst.size())), {lines.begin() + 1, lines.end() - 1});
  }
  return {};
}

Result<> Assembled::write(const std::string& key, const std::string& queue_id,
                          const std::vector<std::string>& files) {
  TRY_VOID(make_directories(folder_, 0750));
  std::string text = std::string(kFirst) + queue_id + "\n";
  for (const auto& file : files) text.append(file).append("\n");
  text.append(kLast).append("\n");
  const auto path = folder_ + "/" + key;
  const auto draft = path + "." + unique_id();
  TRY(auto fd, open_file(draft, O_RDWR | O_CREAT | O_EXCL, 0640));
  durable::Batch batch;
  auto outcome = write_all(fd.get(), text);
  const std::lock_guard lock(on_disk_);
  if (outcome) outcome = durable::commit(std::move(batch.content(fd.get(), path).rename(draft, path)));
  if (!outcome) ::unlink(draft.c_str());
  return outcome;
}

void Assembled::note(const std::string& key, const std::string& queue_id,
                     const std::vector<std::string>& files) {
  auto& whole = left_[key];
  whole.queue_id = queue_id;
  for (const auto& file : files) {
    whole.files.insert(file);
    done_[file] = key;
  }
}

std::string Assembled::of(const std::string& file) const {
  const auto at = done_.find(file);
  return at == done_.end() ? "" : left_.at(at->second).queue_id;
}

std::vector<std::string> Assembled::files() const {
  std::vector<std::string> names;
  names.reserve(done_.size());
  for (const auto& [file, key] : done_) names.push_back(file);
  return names;
}

std::vector<Assembled::Record> Assembled::forget(const std::vector<std::string>& gone) {
  std::vector<Record> ended;
  for (const auto& file : gone) {
    const auto known = done_.find(file);
    if (known == done_.end()) continue;
    const auto whole = left_.find(known->second);
    done_.erase(known);
    whole->second.files.erase(file);
    if (!whole->second.files.empty()) continue;
    ended.push_back({whole->first, whole->second.queue_id});
    left_.erase(whole);
  }
  return ended;
}

void Assembled::remove(const std::vector<Record>& records) {
  const std::lock_guard lock(on_disk_);
  for (const auto& record : records) {
    const auto path = folder_ + "/" + record.key;
    const auto text = read_file(path, kMostBytes);
    if (text && text->starts_with(std::string(kFirst) + record.queue_id + "\n")) (void)durable::remove(path);
  }
}

}  // namespace waxwing::channels
