#include <algorithm>

#include "common/log/log.h"
#include "mta/policy/routines.h"
#include "mta/submission/detail/state.h"
#include "mta/submission/submission.h"

namespace waxwing::mta {

namespace {
constexpr std::size_t kCachedByResubmitters = 2000;
}

Submitter::Submitter(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Submitter::~Submitter() = default;

Result<std::shared_ptr<Submitter>> Submitter::create(Daemon& daemon, std::shared_ptr<queue::Queue> queue) {
  add_policy_routines();
  const auto config = daemon.config();
  auto inner = std::make_unique<Inner>(Inner{daemon, nullptr, nullptr, nullptr, std::move(queue), ""});
  TRY(inner->holder, MtaConfigHolder::open(config->root()));
  TRY(auto settings, directory::Settings::from(*config));
  TRY_VOID(apply_directory_options(inner->holder->current()->options(), settings));
  // Who resubmits lists meets each member once.
  if (inner->queue) settings.cache_entries = std::min(settings.cache_entries, kCachedByResubmitters);
  inner->directory_options = directory_options_text(inner->holder->current()->options());
  TRY(inner->directory, directory::Directory::open(std::move(settings)));
  inner->view = view_of(inner->directory);
  if (!inner->queue)
    inner->queue =
        std::make_shared<queue::Queue>(config->path_of("queue"), config->path_of("run/job_controller"));
  std::shared_ptr<Submitter> submitter(new Submitter(std::move(inner)));
  std::weak_ptr<Submitter> weak = submitter;
  daemon.on_reload([weak] {
    const auto self = weak.lock();
    if (!self) return;
    if (const auto loaded = self->inner_->holder->reload(); !loaded) {
      log::Event("mta.reload.refused").with("error", loaded.error().text).error();
      self->inner_->daemon.reload_refused(loaded.error().text);
    }
    self->inner_->note_directory_options();
    self->inner_->directory->flush();
  });
  return submitter;
}

// How the directory is asked is settled when the process starts.
void Submitter::Inner::note_directory_options() {
  const auto options = directory_options_text(holder->current()->options());
  if (options == directory_options) return;
  directory_options = options;
  log::Event("mta.directory.restart")
      .with("text",
            "what option.dat says about the directory has changed; imsimta restart puts it into effect")
      .notice();
}

std::shared_ptr<const MtaConfig> Submitter::config() const {
  return inner_->holder->current();
}
Daemon& Submitter::daemon() const {
  return inner_->daemon;
}
const std::shared_ptr<directory::Directory>& Submitter::directory() const {
  return inner_->directory;
}
DirectoryView& Submitter::view() const {
  return *inner_->view;
}

std::uint64_t Submitter::size_limit(const MtaConfig& config, const Channel& source) const {
  const auto block = std::max<std::int64_t>(config.options().number(Opt::BLOCK_SIZE), 1);
  std::int64_t limit = 0;
  const auto lower_to = [&](std::int64_t bytes) {
    if (bytes > 0 && (limit == 0 || bytes < limit)) limit = bytes;
  };
  lower_to(inner_->daemon.config()->number("smtp.maxmessagesize"));
  lower_to(config.options().number(Opt::BLOCK_LIMIT) * block);
  if (source.is(Kw::sourceblocklimit)) lower_to(source.number(Kw::sourceblocklimit, 0) * block);
  return static_cast<std::uint64_t>(limit);
}

}  // namespace waxwing::mta
