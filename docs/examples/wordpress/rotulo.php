<?php
/**
 * Plugin Name: Rótulo
 * Description: Propone el texto alternativo de cada imagen que se sube.
 *
 * Copy this file to wp-content/mu-plugins/ and define in wp-config.php:
 *   define('ROTULO_URL', 'https://rotulo.example.cl');
 *   define('ROTULO_KEY', '…');   // where the service asks for one
 *
 * A label becomes the alternative text only where the model is sure and the editor has written
 * none. When the service is busy or away, the upload goes on without it: an editor's work must not
 * wait for a suggestion.
 */

declare(strict_types=1);

const ROTULO_SECONDS = 10;

add_action('add_attachment', 'rotulo_propose_alt');

function rotulo_propose_alt(int $attachment): void
{
    if (!wp_attachment_is_image($attachment) || get_post_meta($attachment, '_wp_attachment_image_alt', true)) {
        return;
    }
    $labelling = rotulo_label((string) get_attached_file($attachment));
    if ($labelling === null || $labelling['decision'] !== 'accept') {
        return;
    }
    update_post_meta($attachment, '_wp_attachment_image_alt', sanitize_text_field($labelling['labels'][0]['name']));
    update_post_meta($attachment, '_rotulo_result', sanitize_key($labelling['id']));
}

/** Return what the service says about an image, or null: the log has the reason. */
function rotulo_label(string $path): ?array
{
    $headers = ['Content-Type' => 'application/octet-stream', 'Accept' => 'application/json'];
    if (defined('ROTULO_KEY')) {
        $headers['Authorization'] = 'Bearer ' . ROTULO_KEY;
    }
    $answer = wp_remote_post(ROTULO_URL . '/v1/labels?lang=es&top_k=1', [
        'body' => file_get_contents($path),
        'headers' => $headers,
        'timeout' => ROTULO_SECONDS,
        'redirection' => 0,
    ]);
    if (is_wp_error($answer)) {
        error_log('rotulo: ' . $answer->get_error_message());
        return null;
    }
    $told = json_decode(wp_remote_retrieve_body($answer), true);
    if (wp_remote_retrieve_response_code($answer) !== 200 || !isset($told['labels'][0]['name'])) {
        error_log('rotulo: ' . ($told['type'] ?? 'no answer of the service'));
        return null;
    }
    return $told;
}
