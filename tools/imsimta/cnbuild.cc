// imsimta cnbuild: check everything, then publish it in one step.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/path.h"
#include "common/base/time.h"
#include "common/config/config.h"
#include "dispatcher/settings.h"
#include "job_controller/controller_config.h"
#include "job_controller/launcher.h"
#include "mta/address/site_routine.h"
#include "mta/config/mta_config.h"
#include "mta/transport/tcp_options.h"
#include "tools/imsimta/command.h"
#include "tools/service/command_line.h"

namespace waxwing::imsimta {

namespace {

// What is wrong, and what has no effect, over all files.
struct Findings {
  std::string wrong;
  std::vector<std::string> warnings;

  void add(const std::vector<std::string>& more) {
    warnings.insert(warnings.end(), more.begin(), more.end());
  }
};

// The option files of the TCP channels: a server or client that cannot read its own does not start.
void check_channel_options(const mta::SourceSet& sources, const mta::MtaConfig& config, Findings& findings) {
  for (const auto& [name, text] : sources.files()) {
    if (!name.starts_with("tcp_") || !name.ends_with("_option")) continue;
    const auto channel = name.substr(0, name.size() - std::string_view("_option").size());
    if (!config.channel(channel)) {
      findings.warnings.push_back(name + " has no effect: there is no channel " + channel + " in imta.cnf");
      continue;
    }
    const auto options = mta::parse_tcp_options(text, name);
    if (options)
      findings.add(options->notes);
    else
      findings.wrong += "\n" + options.error().text;
  }
}

// A worker whose channel is not there ends as soon as it starts.
void check_services(const dispatcher::Settings& settings, const mta::MtaConfig& config, Findings& findings) {
  constexpr std::string_view kChannel = "CHANNEL=";
  for (const auto& service : settings.services)
    for (const auto& parameter : service.parameters)
      if (istarts_with(parameter, kChannel) && !config.channel(trim(parameter).substr(kChannel.size())))
        findings.wrong += fmt::format(
            "\ndispatcher.cnf: service {}: PARAMETER={}: there is no such channel in "
            "imta.cnf",
            service.name, printable(parameter, 60));
}

// What is queued for a channel without a program waits until it is returned.
void check_programs(const job_controller::ControllerConfig& jobs, const mta::MtaConfig& config,
                    Findings& findings) {
  for (const auto& channel : config.channels()) {
    const auto* section = jobs.section(channel.name());
    if (channel.name() != "l" && (section == nullptr || section->master_command.empty()))
      findings.warnings.push_back(
          fmt::format("{}: nothing delivers what goes to channel {}: job_controller.cnf has no "
                      "[CHANNEL={}] with a MASTER_COMMAND",
                      channel.where(), channel.name(), channel.name()));
  }
}

// Circuits are there to be looked at by themselves.
void check_circuits(const job_controller::ControllerConfig& jobs, const mta::MtaConfig& config,
                    Findings& findings) {
  const auto sends = [](const auto& job) { return job.command.find("circuitcheck") != job.command.npos; };
  if (!config.circuits().empty() && std::ranges::none_of(jobs.periodic_jobs, sends))
    findings.warnings.push_back(
        config.circuits().front().where +
        ": nothing sends messages of circuits at their intervals: job_controller.cnf "
        "has no [PERIODIC_JOB=circuitcheck] with COMMAND=IMTA_EXE:circuitcheck -send");
}

// A program that is not there stops its channel or service from the moment the build is taken.
void check_program_files(const Context& context, const job_controller::ControllerConfig& jobs,
                         const dispatcher::Settings& services, Findings& findings) {
  for (const auto& channel : jobs.channels)
    if (!channel.master_command.empty())
      if (const auto found = job_controller::resolve_command(context.root, channel.master_command); !found)
        findings.wrong += "\njob_controller.cnf: [CHANNEL=" + channel.pattern + "]: " + found.error().text;
  for (const auto& service : services.services) {
    const auto path =
        service.image.starts_with('/') ? service.image : program_directory() + "/" + service.image;
    if (::access(path.c_str(), X_OK) != 0)
      findings.wrong += "\ndispatcher.cnf: [SERVICE=" + service.name + "]: IMAGE: no program " + path;
  }
}

// A rule or row whose routine cannot be called answers "try again later" to everybody who meets it.
void check_site_routines(const Context& context, const mta::MtaConfig& config, Findings& findings) {
  for (const auto& use : mta::site_routines_of(config))
    if (const auto good = mta::check_site_routine(context.root, use.name); !good)
      findings.warnings.push_back(use.where + ": " + good.error().text);
}

}  // namespace

Result<int> run_cnbuild(const Context& context, Arguments arguments) {
  const bool check_only = arguments.take("check");
  const bool statistics = arguments.take("statistics");
  TRY_VOID(arguments.finish("cnbuild [-check] [-statistics]"));
  const auto begin = monotonic_ms();
  TRY(auto sources, mta::read_sources(context.root));
  TRY(const auto options, Config::load(context.root));
  const auto config = mta::MtaConfig::parse(sources, context.root);
  const auto jobs = job_controller::ControllerConfig::parse(sources.text("job_controller.cnf"));
  const auto services = dispatcher::parse_settings(sources.text("dispatcher.cnf"), "dispatcher.cnf",
                                                   dispatcher::options_of(*options));
  Findings findings;
  if (!config) findings.wrong += "\n" + config.error().text;
  if (!jobs) findings.wrong += "\n" + jobs.error().text;
  if (!services) findings.wrong += "\n" + services.error().text;
  if (services) findings.add(services->notes);
  if (jobs) findings.add(jobs->warnings);
  if (config) findings.add((*config)->warnings());
  if (config) check_site_routines(context, **config, findings);
  if (config)
    if (const auto whole = (*config)->databases().check(); !whole)
      findings.wrong += "\n" + whole.error().text;
  if (config) check_channel_options(sources, **config, findings);
  if (config && services) check_services(*services, **config, findings);
  if (config && jobs) check_programs(*jobs, **config, findings);
  if (config && jobs) check_circuits(*jobs, **config, findings);
  if (jobs && services) check_program_files(context, *jobs, *services, findings);
  if (!findings.wrong.empty()) return permanent("nothing published:" + findings.wrong);
  for (const auto& warning : findings.warnings) fmt::print("warning: {}\n", warning);
  if (statistics)
    fmt::print("{} rewrite rules, {} channels, {} mapping tables, {} aliases, checked in {} ms\n",
               (*config)->rules().size(), (*config)->channels().size(), (*config)->mappings().tables().size(),
               (*config)->aliases().size(), monotonic_ms() - begin);
  if (check_only) {
    fmt::print("the configuration is good; nothing published\n");
    return 0;
  }
  TRY(auto id, mta::publish_build(context.root, sources));
  fmt::print("published build {}\n", id);
  return 0;
}

}  // namespace waxwing::imsimta
