// What the journal covers, and how a directory is let in.
#include "common/base/journal_roots.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "common/base/file_system.h"
#include "common/base/is_there.h"
#include "common/base/journal.h"
#include "common/base/journal_mark.h"
#include "common/base/journal_record.h"
#include "common/base/journal_start.h"
#include "common/base/path.h"

namespace waxwing::durable {

std::string relative_to(const std::string& root, std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/')
    path.remove_prefix(root.size() + 1);
  return std::string(path);
}

std::string path_of(const JournalSettings& settings, const std::string& name) {
  return name.starts_with('/') ? name : settings.root + "/" + name;
}

Result<> make_directory(const std::string& directory) {
  if (file_exists(directory)) return {};
  TRY_VOID(make_directories(directory));
  const auto parent = parent_directory(directory);
  TRY(const auto made, open_file(directory, O_RDONLY | O_DIRECTORY));
  TRY_VOID(give_to_owner_of(parent, made.get()));
  return sync_names(parent);
}

Result<> make_root_durable(const JournalSettings& settings, const std::string& name) {
  if (name.starts_with('/')) {
    TRY(const bool there, is_there(name));
    return there ? sync_names(name) : Result<>{};
  }
  for (std::size_t slash = 0; slash != std::string::npos;) {
    slash = name.find('/', slash + 1);
    TRY_VOID(make_directory(settings.root + "/" + name.substr(0, slash)));
  }
  return sync_names(settings.root);
}

bool keeps_order(const std::string& path) {
  return file_system_of(path).names == FileSystem::Names::in_order;
}

std::string_view Journal::name_of(std::string_view path) const {
  const auto& root = settings_.root;
  if (path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/')
    path.remove_prefix(root.size() + 1);
  return path;
}

const Journal::Root* Journal::root_of(const std::string& path) const {
  const auto found = std::ranges::find_if(roots_, [&](const Root& root) {
    const auto& above = root.path;
    return path.size() > above.size() + 1 && path.starts_with(above) && path[above.size()] == '/';
  });
  return found == roots_.end() ? nullptr : &*found;
}

bool Journal::covers(const std::string& path) const {
  if (!path.starts_with('/') || !is_plain_path(path)) return false;
  const std::shared_lock lock(roots_mutex_);
  return root_of(path) != nullptr;
}

Result<bool> Journal::mark(const std::string& name, MarkEmpty empty) const {
  const auto path = path_of(settings_, name);
  TRY(auto roots, load_roots(settings_.directory));
  auto known = std::ranges::find(roots, name, &KnownRoot::name);
  if (known == roots.end()) known = roots.insert(roots.end(), {name, {}});
  TRY_VOID(recognise_root(path, known->mark));
  if (!known->mark.empty()) return true;
  TRY(const bool there, is_there(path));
  if (!there) return false;
  TRY(known->mark, mark_root(path, {}, empty));
  if (known->mark.empty()) return false;
  TRY_VOID(store_roots(settings_.directory, roots));
  return true;
}

Result<> Journal::admit(const std::string& path) {
  if (unmarked_ == 0) return {};
  std::string root_path;
  {
    const std::shared_lock lock(roots_mutex_);
    const auto* const root = root_of(path);
    if (root == nullptr || root->marked) return {};
    root_path = root->path;
  }
  {
    const RobustLock lock(control_->checkpoint);
    TRY(const bool marked, mark(relative_to(settings_.root, root_path), MarkEmpty::yes));
    if (!marked) return temporary(root_path + " is missing: mount its file system; see journal(5)");
  }
  const std::lock_guard lock(roots_mutex_);
  const auto root = std::ranges::find(roots_, root_path, &Root::path);
  if (std::exchange(root->marked, true)) return {};
  in_no_order_ += !keeps_order(root_path);
  --unmarked_;
  return {};
}

Result<> Journal::cover(const std::string& directory) {
  const auto name = relative_to(settings_.root, directory);
  if (!directory.starts_with('/') || !is_plain_path(name) || name.size() >= kMostRootBytes)
    return permanent("the journal cannot cover the directory '" + directory + "'");
  bool marked = false;
  {
    const RobustLock lock(control_->checkpoint);
    const auto count = control_->root_count.load();
    std::vector<std::string> names;
    for (std::uint32_t n = 0; n < count; ++n) names.emplace_back(control_->roots[n]);
    if (std::ranges::find(names, name) == names.end()) {
      if (count == kMostRoots) return permanent("the journal cannot cover more than 64 directories");
      names.push_back(name);
      TRY_VOID(make_root_durable(settings_, name));
      // Replay must know of it before anything is appended.
      TRY(const auto stored, load_roots(settings_.directory));  // damaged: its marks must not be forgotten
      std::vector<KnownRoot> roots;
      for (const auto& each : names) {
        const auto known = std::ranges::find(stored, each, &KnownRoot::name);
        roots.push_back({each, known == stored.end() ? "" : known->mark});
      }
      TRY_VOID(store_roots(settings_.directory, roots));
      std::memset(control_->roots[count], 0, kMostRootBytes);
      name.copy(control_->roots[count], kMostRootBytes - 1);
      control_->root_count = count + 1;
    }
    marked = mark(name, MarkEmpty::no).value_or(false);  // else admit() says why
  }
  const std::lock_guard lock(roots_mutex_);
  auto path = path_of(settings_, name);
  if (std::ranges::find(roots_, path, &Root::path) != roots_.end()) return {};
  in_no_order_ += marked && !keeps_order(path);
  roots_.push_back({std::move(path), marked});
  if (!marked) ++unmarked_;
  return {};
}

}  // namespace waxwing::durable
