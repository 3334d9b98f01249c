#include "mta/config/mta_config.h"

#include <algorithm>

#include "mta/config/build_file.h"
#include "mta/config/mta_config_builder.h"

namespace waxwing::mta {

Result<std::shared_ptr<const MtaConfig>> MtaConfig::load(const std::string& root) {
  TRY(auto build, read_build(root));
  auto parsed = MtaConfigBuilder(std::move(build.sources)).build(std::move(build.id), root);
  if (!parsed)
    return permanent("the published MTA configuration is not accepted; run imsimta cnbuild:\n" +
                     parsed.error().text);
  return parsed;
}

Result<std::shared_ptr<const MtaConfig>> MtaConfig::parse(SourceSet sources, const std::string& root) {
  return MtaConfigBuilder(std::move(sources)).build("", root);
}

const Channel* MtaConfig::channel(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &channels_[found->second];
}

const Circuit* MtaConfig::circuit(std::string_view name) const {
  const auto found =
      std::ranges::find_if(circuits_, [&](const auto& each) { return iequals(each.name, name); });
  return found == circuits_.end() ? nullptr : &*found;
}

const Channel* MtaConfig::channel_of_host(std::string_view tag_or_host) const {
  const auto found = by_host_.find(tag_or_host);
  return found == by_host_.end() ? nullptr : &channels_[found->second];
}

bool MtaConfig::is_local_host(std::string_view host) const {
  const auto* channel = channel_of_host(host);
  if (channel && channel->name() == "l") return true;
  return std::ranges::any_of(local_aliases_, [&](const auto& alias) { return iequals(alias, host); });
}

std::shared_ptr<const HeaderOptions> MtaConfig::header_options(std::string_view file_name) const {
  const auto at = header_options_.find(file_name);
  return at == header_options_.end() ? nullptr : at->second;
}

Result<std::shared_ptr<MtaConfigHolder>> MtaConfigHolder::open(const std::string& root) {
  auto holder = std::make_shared<MtaConfigHolder>();
  TRY(holder->current_, MtaConfig::load(root));
  holder->root_ = root;
  return holder;
}

std::shared_ptr<const MtaConfig> MtaConfigHolder::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Result<bool> MtaConfigHolder::reload() {
  TRY(auto fresh, MtaConfig::load(root_));
  const std::lock_guard lock(mutex_);
  if (fresh->build_id() == current_->build_id() && fresh->databases().id() == current_->databases().id())
    return false;
  current_ = std::move(fresh);
  return true;
}

}  // namespace waxwing::mta
